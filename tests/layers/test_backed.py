"""Activations whose derivative is a kernel of torch's: g ⊙ f′ beside, and over, the relevance; at corners; shares of a way."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from onnxplain.layers.elementwise.backed import Backed
from onnxplain.layers.elementwise.functions import BY_OUTPUT, ByOutput
from onnxplain.layers.elementwise.piecewise import Clip, ExponentialUnit, HardSigmoid, HardSwish, LeakyRelu, Relu
from onnxplain.layers.elementwise.slopes import share
from onnxplain.layers.elementwise.squashing import Sigmoid, Tanh
from onnxplain.layers.kinds import Elementwise

LAYERS: dict[str, tuple[Elementwise, Callable[[Tensor], Tensor]]] = {
    "relu": (Relu(), torch.relu),
    "leaky": (LeakyRelu(0.2), lambda x: torch.where(x > 0, x, 0.2 * x)),
    "leaky, negative": (LeakyRelu(-0.3), lambda x: torch.where(x > 0, x, -0.3 * x)),
    "clip": (Clip(-0.5, 1.5), lambda x: x.clamp(-0.5, 1.5)),
    "clip above": (Clip(high=0.5), lambda x: x.clamp(max=0.5)),
    "elu": (ExponentialUnit(0.7), lambda x: torch.where(x > 0, x, 0.7 * torch.expm1(x))),
    "selu": (ExponentialUnit(1.67, 1.05), lambda x: 1.05 * torch.where(x > 0, x, 1.67 * torch.expm1(x))),
    "celu": (ExponentialUnit(2.5, width=2.5), lambda x: torch.where(x > 0, x, 2.5 * torch.expm1(x / 2.5))),
    "hard sigmoid": (HardSigmoid(0.2, 0.4, 1.5), lambda x: (0.2 * x + 0.4).clamp(0, 1.5)),
    "hard swish": (HardSwish(), lambda x: x * (x / 6 + 0.5).clamp(0, 1)),
    "hard swish of other numbers": (HardSwish(0.3, 0.4, 2.0), lambda x: x * (0.3 * x + 0.4).clamp(0, 2)),
    "sigmoid": (Sigmoid(), torch.sigmoid),
    "tanh": (Tanh(), torch.tanh),
    "sqrt": (ByOutput(BY_OUTPUT["Sqrt"]), lambda x: x.abs().sqrt()),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("shape", [(3, 5), (60, 70)], ids=["few", "many"])
@pytest.mark.parametrize("targets", [1, 3])
def test_pull_is_what_autograd_says(name: str, shape: tuple[int, ...], targets: int) -> None:
    layer, f = LAYERS[name]
    torch.manual_seed(0)
    x = 3 * torch.randn(shape, dtype=torch.float64)
    x = x.abs() if name == "sqrt" else x
    g = torch.randn(targets, *shape, dtype=torch.float64)
    leaf = x.clone().requires_grad_()
    (derivative,) = torch.autograd.grad(f(leaf).sum(), leaf)
    y, x_before, g_before = layer.forward(x), x.clone(), g.clone()
    torch.testing.assert_close(y, f(x), rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(layer.derivative(x, y), derivative, rtol=1e-12, atol=1e-14)
    torch.testing.assert_close(layer.pull(g, x, y), g * derivative, rtol=1e-12, atol=1e-14)
    assert torch.equal(x, x_before)
    assert torch.equal(g, g_before)
    assert torch.equal(layer.pull_over(g, x, y), layer.pull(g_before, x, y))
    assert torch.equal(x, x_before)


def test_corners_belong_to_the_outside() -> None:
    def slope_at(layer: Elementwise, *at: float) -> list[float]:
        x = torch.tensor(at, dtype=torch.float64)
        return layer.derivative(x, layer.forward(x)).tolist()

    assert slope_at(Relu(), 0.0) == [0]
    assert slope_at(LeakyRelu(0.25), 0.0) == [0.25]
    assert slope_at(Clip(-1, 2), -1.0, 2.0, 0.0) == [0, 0, 1]
    assert slope_at(Clip(2, -1), 0.0, 5.0) == [0, 0]  # ONNX: what lies above the maximum wins
    assert slope_at(HardSigmoid(0.25, 0.5), -2.0, 2.0, 0.0) == [0, 0, 0.25]
    assert slope_at(ExponentialUnit(0.5), 0.0) == [0.5]


def test_a_kernel_is_written_over_what_has_room_only() -> None:
    layer, x = Clip(-1, 1), torch.randn(80, 90)
    g = torch.ones(1, 80, 90)
    assert isinstance(layer, Backed)
    assert layer.pull_over(g, x, x) is g
    held = torch.ones(2, 80, 90, requires_grad=True)
    assert layer.pull_over(held, x, x) is not held
    broadcast = torch.ones(1, 1, 90)
    assert layer.pull_over(broadcast, x, x).shape == (1, 80, 90)
    assert torch.equal(broadcast, torch.ones(1, 1, 90))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("x", "x0", "low", "high", "expected"),
    [
        (3.0, 3.0, 0.0, 6.0, 1.0),  # a point inside, on the edge, outside
        (0.0, 0.0, 0.0, 6.0, 0.0),
        (6.0, 6.0, 0.0, 6.0, 0.0),
        (7.0, 7.0, 0.0, 6.0, 0.0),
        (3.0, 9.0, 0.0, 6.0, 0.5),  # partly above, below, across, in both directions
        (3.0, -1.0, 0.0, 6.0, 0.75),
        (-2.0, 8.0, 0.0, 6.0, 0.6),
        (8.0, -2.0, 0.0, 6.0, 0.6),
        (7.0, 9.0, 0.0, 6.0, 0.0),
        (1e6, -1e6, 0.0, 6.0, 3e-6),  # a small share of a long way loses no digits
        (3.0, 9.0, -math.inf, 6.0, 0.5),
        (3.0, -1.0, 0.0, math.inf, 0.75),
        (3.0, -1.0, -math.inf, math.inf, 1.0),
        (math.inf, math.inf, 0.0, 6.0, 0.0),
        (-math.inf, -math.inf, 0.0, 6.0, 0.0),
        (2.0, 0.0, 3.0, 1.0, 0.0),  # no interval at all
    ],
)
def test_share_of_the_way(x: float, x0: float, low: float, high: float, expected: float, dtype: torch.dtype) -> None:
    got = share(torch.tensor([x], dtype=dtype), torch.tensor([x0], dtype=dtype), low, high)
    torch.testing.assert_close(got, torch.tensor([expected], dtype=dtype), rtol=4 * torch.finfo(dtype).eps, atol=1e-30)
