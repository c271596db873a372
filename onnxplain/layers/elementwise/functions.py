"""Functions without parameters, as two tables: a line is the value, the derivative, the slope and the sign."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Elementwise
from . import slopes as s

#: ≥ 0 for every x; ≥ 0 where x ≥ 0; neither
Sign = Literal["positive", "kept", "any"]


class Function(NamedTuple):
    value: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]  # of x in BY_INPUT, of y in BY_OUTPUT
    slope: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # of x, x0, y, y0
    sign: Sign


def softplus(x: Tensor) -> Tensor:
    """log(1 + e^x), accurate on both sides (torch's turns linear at 20, which float64 can see)."""
    return x.clamp(min=0) + torch.log1p(torch.exp(-x.abs()))


def _step(f: Callable[[Tensor], Tensor]) -> Function:
    return Function(f, torch.zeros_like, lambda x, x0, y, y0: s.jump_slope(y == y0, 0.0, x, x0, y, y0), "kept")


BY_OUTPUT: dict[str, Function] = {
    "Exp": Function(torch.exp, lambda y: y, lambda x, x0, y, y0: s.exp_slope(x, x0), "positive"),
    "Sqrt": Function(torch.sqrt, lambda y: 0.5 / y, lambda x, x0, y, y0: s.sqrt_slope(y, y0), "positive"),
}

BY_INPUT: dict[str, Function] = {
    "Abs": Function(torch.abs, torch.sign, s.abs_slope, "positive"),
    "Log": Function(torch.log, torch.reciprocal, lambda x, x0, y, y0: s.log_slope(x, x0), "any"),
    "Softplus": Function(softplus, torch.sigmoid, s.softplus_slope, "positive"),
    "Softsign": Function(
        lambda x: x / (1 + x.abs()),
        lambda x: 1 / (1 + x.abs()) ** 2,
        lambda x, x0, y, y0: s.softsign_slope(x, x0),
        "kept",
    ),
    "Erf": Function(
        torch.erf,
        lambda x: torch.exp(-x * x) * (2 / math.sqrt(math.pi)),
        lambda x, x0, y, y0: s.erf_slope(x, x0),
        "kept",
    ),
    # TensorFlow's own two: tf2onnx leaves them as they are, in a domain that has no such operators
    "Erfc": Function(
        torch.erfc,
        lambda x: -torch.exp(-x * x) * (2 / math.sqrt(math.pi)),
        lambda x, x0, y, y0: -s.erf_slope(x, x0),
        "positive",
    ),
    "Expm1": Function(torch.expm1, torch.exp, lambda x, x0, y, y0: s.exp_slope(x, x0), "kept"),
    "Sin": Function(torch.sin, torch.cos, lambda x, x0, y, y0: s.sin_slope(x, x0), "any"),
    "Cos": Function(torch.cos, lambda x: -torch.sin(x), lambda x, x0, y, y0: s.cos_slope(x, x0), "any"),
    "Tan": Function(torch.tan, lambda x: 1 + torch.tan(x) ** 2, lambda x, x0, y, y0: s.tan_slope(x, x0), "any"),
    "Asin": Function(torch.asin, lambda x: torch.rsqrt((1 - x) * (1 + x)), s.asin_slope, "kept"),
    "Acos": Function(
        torch.acos,
        lambda x: -torch.rsqrt((1 - x) * (1 + x)),
        lambda x, x0, y, y0: -s.asin_slope(x, x0, torch.asin(x), torch.asin(x0)),  # near x = 0 acos is close to π/2
        "positive",
    ),
    "Atan": Function(torch.atan, lambda x: 1 / (1 + x * x), lambda x, x0, y, y0: s.atan_slope(x, x0), "kept"),
    "Sinh": Function(torch.sinh, torch.cosh, lambda x, x0, y, y0: s.sinh_slope(x, x0), "kept"),
    "Cosh": Function(torch.cosh, torch.sinh, lambda x, x0, y, y0: s.cosh_slope(x, x0), "positive"),
    "Asinh": Function(torch.asinh, lambda x: torch.rsqrt(1 + x * x), s.asinh_slope, "kept"),
    "Acosh": Function(
        torch.acosh,
        lambda x: torch.rsqrt((x - 1) * (x + 1)),
        lambda x, x0, y, y0: s.acosh_slope(x, x0),
        "positive",
    ),
    "Atanh": Function(torch.atanh, lambda x: 1 / ((1 - x) * (1 + x)), s.atanh_slope, "kept"),
    "Sign": _step(torch.sign),
    "Floor": _step(torch.floor),
    "Ceil": _step(torch.ceil),
    "Round": _step(torch.round),  # half to even, in ONNX as in torch
}


class ByOutput(Elementwise):
    """A function whose derivative is a function of its own value."""

    onnx = dict.fromkeys(BY_OUTPUT, 6)
    adjoint_reads = frozenset({"outputs"})

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    @classmethod
    def build(cls, node: OnnxNode) -> ByOutput:
        return cls(BY_OUTPUT[node.op])

    def forward(self, x: Tensor) -> Tensor:
        return self.function.value(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.function.derivative(y)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.function.slope(x, x0, y, y0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return self.function.sign == "positive" or (self.function.sign == "kept" and inputs[0])


class ByInput(Elementwise):
    """A function whose derivative is read off its input."""

    onnx = dict.fromkeys(BY_INPUT, 1)
    adjoint_reads = frozenset({"inputs"})

    def __init__(self, function: Function) -> None:
        super().__init__()
        self.function = function

    @classmethod
    def build(cls, node: OnnxNode) -> ByInput | None:
        return cls(BY_INPUT[node.op]) if node.is_floating(0) else None

    def forward(self, x: Tensor) -> Tensor:
        return self.function.value(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.function.derivative(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.function.slope(x, x0, y, y0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return self.function.sign == "positive" or (self.function.sign == "kept" and inputs[0])
