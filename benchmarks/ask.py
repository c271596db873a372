"""One explanation as every library is asked for it, and as onnxplain gives it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

import onnxplain as ox
from onnxplain.methods.context import Context
from onnxplain.methods.problem import compile_problem
from onnxplain.rules import AlphaBeta, Epsilon, FrozenStatistics, Gamma, Half
from onnxplain.rules.composites import default_rows

#: the stabiliser that composites have where nothing is said
EPSILON = 1e-6


@dataclass(frozen=True)
class Ask:
    """`method` of `x` for `targets`. `n`: steps, copies or draws; `rows`: at once, for libraries that want to be told.

    `baseline` (1, *input): zeros by default. `steps`: how the path is cut, "gauss_legendre" or "riemann_right".
    """

    method: str
    x: Tensor
    targets: tuple[int, ...]
    n: int = 50
    rows: int = 64
    epsilon: float = EPSILON
    baseline: Tensor | None = None
    references: Tensor | None = None
    steps: str = "gauss_legendre"

    def for_target(self, target: int) -> Ask:
        return replace(self, targets=(target,))

    @property
    def start(self) -> Tensor:
        return torch.zeros_like(self.x[:1]) if self.baseline is None else self.baseline

    @property
    def beside(self) -> Tensor:
        assert self.references is not None, f"{self.method} needs references"
        return self.references


def _array(x: Tensor | None) -> Any:
    return 0.0 if x is None else x.numpy()


def _stabilised(epsilon: float) -> ox.LRP:
    """AttnLRP with another stabiliser in every rule that has one."""
    rows = {"Additive": Epsilon(epsilon), "Product": Half(epsilon), "Normalization": FrozenStatistics(epsilon)}
    return ox.LRP(ox.Composite((*rows.items(), *default_rows(epsilon))))


#: the layers with weights; zennit's composites, too, leave averages alone
WEIGHTED = ("convolution", "dense")

METHODS: dict[str, Callable[[Ask], Any]] = {
    "gradient": lambda ask: ox.Gradient(),
    "gradient_input": lambda ask: ox.Gradient(times_input=True),
    "epsilon": lambda ask: ox.LRP(dict.fromkeys(WEIGHTED, Epsilon(ask.epsilon))),
    "zplus": lambda ask: ox.LRP("epsilon_plus"),
    "plus_flat": lambda ask: ox.LRP("epsilon_plus_flat"),
    "alpha2beta1": lambda ask: ox.LRP("epsilon_alpha2_beta1"),
    "alpha_beta": lambda ask: ox.LRP(dict.fromkeys(WEIGHTED, AlphaBeta(2, 1))),
    "gamma": lambda ask: ox.LRP({"convolution": Gamma(0.25)}),
    "gamma_box": lambda ask: ox.LRP(ox.EpsilonGammaBox(-4.0, 4.0)),
    "attnlrp": lambda ask: ox.LRP("attn_lrp") if ask.epsilon == EPSILON else _stabilised(ask.epsilon),
    "deeplift": lambda ask: ox.DeepLift(baseline=_array(ask.baseline)),
    "reveal_cancel": lambda ask: ox.DeepLift(baseline=_array(ask.baseline), rule="reveal_cancel"),
    "ig": lambda ask: ox.IntegratedGradients(baseline=_array(ask.baseline), n_steps=ask.n, quadrature=ask.steps),
    "smoothgrad": lambda ask: ox.SmoothGrad(n_samples=ask.n),
    "expected": lambda ask: ox.ExpectedGradients(data_ref=ask.beside.numpy(), n_samples=ask.n),
    "deepshap": lambda ask: ox.DeepShap(data_ref=ask.beside.numpy(), limit_ref=len(ask.beside)),
}


def explain(model: ox.Model, ask: Ask, **options: Any) -> ox.Explanation:
    made = METHODS[ask.method](ask)
    return ox.explain(model, ask.x.numpy(), made, target=list(ask.targets), progress=False, seed=0, **options)


def values(e: ox.Explanation) -> Tensor:
    """(targets, samples, *input)"""
    return torch.from_numpy(np.asarray(e.values)).movedim(-1, 0)


def walk(model: ox.Model, ask: Ask) -> Callable[[], object]:
    """The forward pass and the walk back alone, on plans made beforehand: what a node costs, without `explain`."""
    chosen, feeds = METHODS[ask.method](ask), {"x": ask.x}
    context = Context(model.inputs, model.graph, feeds, len(ask.x), model.dtype, model.device, 0, lambda f: dict(f))
    problem = compile_problem(model.graph, model.inputs, model.outputs, chosen, list(ask.targets), [], context)
    ((asked, backward),) = problem.walks.items()
    (value,) = problem.asked[0].values
    rows, units = model.outputs[asked].batch_axis, model.outputs[asked].shape[-1]
    assert rows == 0 and units is not None
    seed = torch.eye(units)[list(ask.targets)][:, None].expand(len(ask.targets), len(ask.x), units)

    def call() -> object:
        with torch.inference_mode():
            return backward.run(problem.clean.run(feeds), {value: seed})

    return call
