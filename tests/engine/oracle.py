"""Slow second opinions: autograd through the forward plan, onnxruntime, and a comparison that asserts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto
from torch import Tensor

import onnxplain as ox
from onnxplain.graph.plan import Forward

Scalar = Callable[[Mapping[str, Tensor]], Tensor]


def close(actual: Any, expected: Any, rtol: float = 1e-10, floor: float = 1e-300) -> None:
    """Equal shapes, and equal to within a part of the largest value (of `floor`, where that is larger: for numbers
    that cancel to rounding)."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, (actual.shape, expected.shape)
    largest = float(np.abs(expected).max()) if expected.size else 0.0
    np.testing.assert_allclose(actual, expected, rtol=0, atol=rtol * max(largest, floor))


def onnxruntime_outputs(proto: ModelProto | bytes, data: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    content = proto if isinstance(proto, bytes) else proto.SerializeToString()
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    feeds = {n: x.astype(np.float32) if x.dtype == np.float64 else x for n, x in data.items()}
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


def tensors(data: Mapping[str, Any]) -> dict[str, Tensor]:
    return {n: torch.from_numpy(np.array(x)) for n, x in data.items()}


def run(
    model: ox.Model, feeds: Mapping[str, Tensor], wanted: list[str], given: tuple[str, ...] = ()
) -> dict[str, Tensor]:
    """Values of the graph as read, before any rewriting, from feeds (and from internal values that are `given`)."""
    plan = Forward(model.raw, [*model.raw.inputs, *given], wanted, None)
    trace = plan.run(dict(feeds))
    return {v: trace[v] for v in wanted}


def gradient(
    model: ox.Model, data: Mapping[str, Any], scalar: Scalar, wanted: list[str], at: tuple[str, ...] = ()
) -> dict[str, np.ndarray]:
    """∂(Σ samples of scalar(values wanted))/∂ floating inputs and internal values `at`, by autograd."""
    feeds = tensors(data)
    if at:
        inner = run(model, feeds, list(at))
        feeds.update({v: x.detach().clone() for v, x in inner.items()})
    leaves = {n: x.requires_grad_() for n, x in feeds.items() if x.is_floating_point()}
    total = scalar(run(model, feeds, wanted, at)).sum()
    grads = torch.autograd.grad(total, list(leaves.values()), allow_unused=True)
    return {n: np.zeros(x.shape) if g is None else g.numpy() for (n, x), g in zip(leaves.items(), grads, strict=True)}
