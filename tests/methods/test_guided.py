"""Guided backpropagation, deconvnet and excitation backprop against autograd and explicit probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

import onnxplain as ox

from ..engine.build import Writer
from ..engine.oracle import close
from .nets import NETS, N, data, net

RECTIFIERS = ("Relu", "LeakyRelu", "Clip", "Elu")


class GuidedFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *g: Tensor) -> Any:
        (slope,) = ctx.saved_tensors
        return torch.where(g[0] > 0, g[0] * slope, 0), None, None


class DeconvFunction(GuidedFunction):
    @staticmethod
    def backward(ctx: Any, *g: Tensor) -> Any:
        return torch.where(g[0] > 0, g[0], 0), None, None


def by_autograd(model: ox.Model, feeds: dict[str, np.ndarray], function: Any) -> dict[str, np.ndarray]:
    """Autograd through the graph as read, with another derivative at rectifiers: {input: (samples, …, units)}."""
    leaves = {n: torch.from_numpy(x).requires_grad_() for n, x in feeds.items()}
    values: dict[str, Tensor] = dict(leaves)
    for node in model.raw.nodes:
        xs = [values[v] for v in node.inputs]
        y = node.layer(*xs)
        if node.op in RECTIFIERS:
            x = xs[0].detach().requires_grad_()
            (slope,) = torch.autograd.grad(node.layer(x).sum(), x)
            y = function.apply(xs[0], slope, y.detach())
        values[node.outputs[0]] = y
    out = values["y"]
    grads = [torch.autograd.grad(out[:, k].sum(), list(leaves.values()), retain_graph=True) for k in range(out.shape[1])]
    return {n: torch.stack([g[i] for g in grads], -1).numpy() for i, n in enumerate(leaves)}


@pytest.mark.parametrize("name", list(NETS))
@pytest.mark.parametrize(
    ("method", "function"), [(ox.GuidedBackprop(), GuidedFunction), (ox.Deconvnet(), DeconvFunction)], ids=["guided", "deconvnet"]
)
def test_values_equal_autograd_with_other_rules_at_rectifiers(name: str, method: Any, function: Any) -> None:
    e = ox.explain(net(name), data(name), method, target="all")
    expected = by_autograd(net(name), data(name), function)
    plain = ox.explain(net(name), data(name), "gradient", target="all")
    for n, values in expected.items():
        close(e[n].values, values)
    assert any(np.abs(e[n].values - plain[n].values).max() > 1e-3 for n in e)


@pytest.mark.parametrize("method", [ox.GuidedBackprop, ox.Deconvnet])
def test_times_input_multiplies_by_the_input(method: Any) -> None:
    x = data("image")
    e = ox.explain(net("image"), x, method(times_input=True), target="all", layers=["early"])
    close(e.values, ox.explain(net("image"), x, method(), target="all").values * x["x"][..., None])


@pytest.mark.parametrize("method", ["guided_backprop", "deconvnet", "excitation_backprop"])
def test_chunks_and_single_targets_change_nothing(method: str) -> None:
    e = ox.explain(net("image"), data("image"), method, target="all")
    close(ox.explain(net("image"), data("image"), method, target="all", chunk_size=(2, 1)).values, e.values)
    close(np.stack([ox.explain(net("image"), data("image"), method, target=t).values[..., 0] for t in range(3)], -1), e.values)


def test_a_model_without_rectifiers_is_refused() -> None:
    w = Writer()
    w.dense(w.node("Tanh", w.dense("x", 4, 5)), 5, 2, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 2)}))
    with pytest.raises(ox.RuleError, match="none of them"):
        ox.explain(model, np.ones((2, 4), np.float32), "guided_backprop")


def test_excitation_backprop_equals_the_random_walk_written_out() -> None:
    """P(x_i | h_j) = x_i w_ji⁺ / Σ over positive weights, from the target back (Zhang et al. 2016, eq. 1 to 3)."""
    w = Writer(56)
    h = w.node("Relu", w.dense("x", 5, 6))
    w.dense(h, 6, 3, to="y")
    from onnx import numpy_helper

    first, bias, last, _ = (np.array(numpy_helper.to_array(i), dtype=np.float64) for i in w.initializers)
    model = ox.load(w.model({"x": ("N", 5)}, {"y": ("N", 3)}), dtype="float64")
    x = np.random.default_rng(0).random((N, 5))  # the method is defined for inputs that are not negative
    hidden = np.maximum(x @ first.T + bias, 0)
    expected = np.zeros((N, 5, 3))
    for s in range(N):
        for k in range(3):
            walk = hidden[s] * np.maximum(last[k], 0)
            chance = walk / walk.sum()
            for j in range(6):
                step = x[s] * np.maximum(first[j], 0)
                expected[s, :, k] += chance[j] * (step / step.sum() if step.sum() else 0)
    e = ox.explain(model, x, "excitation_backprop", target="all")
    close(e.values, expected, 1e-4)  # the rule's stabiliser is 1e-6
    close(e.sums["y"], np.ones((N, 3)), 1e-4)
