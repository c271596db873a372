"""onnxplain's own side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

import onnxplain as ox
from onnxplain.methods.context import Context
from onnxplain.methods.problem import compile_problem
from onnxplain.rules import Gamma

METHODS: dict[str, Any] = {
    "gradient": lambda **o: ox.Gradient(),
    "epsilon": lambda **o: ox.LRP("epsilon"),
    "zplus": lambda **o: ox.LRP("epsilon_plus"),
    "alpha2beta1": lambda **o: ox.LRP("epsilon_alpha2_beta1"),
    "gamma": lambda **o: ox.LRP({"convolution": Gamma(0.25)}),
    "deeplift": lambda **o: ox.DeepLift(),
    "ig": lambda **o: ox.IntegratedGradients(n_steps=50),
    "deepshap": lambda **o: ox.DeepShap(data_ref=o["references"], limit_ref=len(o["references"])),
}


def run(model: ox.Model, method: str, x: np.ndarray, targets: Sequence[int], **options: Any) -> ox.Explanation:
    return ox.explain(model, x, METHODS[method](**options), target=list(targets), progress=False)


def values(e: ox.Explanation) -> Tensor:
    """(targets, samples, *input)"""
    return torch.from_numpy(e.values).movedim(-1, 0)


def walk(model: ox.Model, method: str, x: np.ndarray, targets: Sequence[int]) -> Callable[[], object]:
    """The forward pass and the walk back alone, on plans made beforehand: what a node costs, without `explain`."""
    chosen, feeds = METHODS[method](), {"x": torch.from_numpy(x)}
    context = Context(model.inputs, model.graph, feeds, len(x), model.dtype, model.device, 0, lambda f: dict(f))
    problem = compile_problem(model.graph, model.inputs, model.outputs, chosen, list(targets), [], context)
    ((asked, backward),) = problem.walks.items()
    (value,) = problem.asked[0].values
    rows, units = model.outputs[asked].batch_axis, model.outputs[asked].shape[-1]
    assert rows == 0 and units is not None
    seed = torch.eye(units)[list(targets)][:, None].expand(len(targets), len(x), units)

    def call() -> object:
        with torch.inference_mode():
            return backward.run(problem.clean.run(feeds), {value: seed})

    return call
