"""x^p, c^x and c/x with constant p and c."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Elementwise
from ..settling import Settling
from .slopes import decay, difference, power_derivative, power_slope, sqrt_slope

Powers = tuple[
    Callable[[Tensor], Tensor],  # x ↦ x^p
    Callable[[Tensor, Tensor], Tensor],  # (x, y) ↦ p x^(p−1)
    Callable[[Tensor, Tensor, Tensor, Tensor], Tensor],  # (x, x0, y, y0) ↦ Δy/Δx
]
#: exponents with a shorter way than `pow`
SIMPLE: dict[float, Powers] = {
    -1.0: (torch.reciprocal, lambda x, y: -y * y, lambda x, x0, y, y0: -y * y0),
    0.5: (torch.sqrt, lambda x, y: 0.5 / y, lambda x, x0, y, y0: sqrt_slope(y, y0)),
    2.0: (torch.square, lambda x, y: 2 * x, lambda x, x0, y, y0: x + x0),
    3.0: (lambda x: x * x * x, lambda x, y: 3 * x * x, lambda x, x0, y, y0: x * x + x * x0 + x0 * x0),
}


class SimplePower(Elementwise):
    """x^p for one of the exponents in `SIMPLE`."""

    onnx = {"Pow": 7}

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p
        self.power, self.power_derivative, self.power_slope = SIMPLE[p]

    @classmethod
    def build(cls, node: OnnxNode) -> SimplePower | None:
        p = node.constant(1)
        if p is None or p.dim() > 0 or not node.is_floating(0) or not node.only_dynamic(0) or float(p) not in SIMPLE:
            return None
        return cls(float(p))

    def forward(self, x: Tensor) -> Tensor:
        return self.power(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.power_derivative(x, y)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.power_slope(x, x0, y, y0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] or self.p in (2.0, 0.5)


class Power(Elementwise):
    """x^p, p any constant (it may broadcast x); negative x has a value where p is an integer."""

    onnx = {"Pow": 7}
    adjoint_reads = frozenset({"inputs"})
    p: Tensor

    def __init__(self, p: Tensor) -> None:
        super().__init__()
        self.register_buffer("p", p)

    @classmethod
    def build(cls, node: OnnxNode) -> Power | None:
        p = node.constant(1)
        return cls(p.to(node.dtype)) if p is not None and node.is_floating(0) and node.only_dynamic(0) else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.pow(x, self.p)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return power_derivative(x, self.p)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return power_slope(x, x0, y, y0, self.p)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] or bool((torch.remainder(self.p, 2) == 0).all())


class DynamicPower(Settling, Elementwise):
    """x^n with integers n that are computed at run time."""

    onnx = {"Pow": 12}
    keeps_sign = True

    @classmethod
    def build(cls, node: OnnxNode) -> DynamicPower | None:
        return cls(node) if node.only_dynamic(0, 1) and node.is_floating(0) and not node.is_floating(1) else None


class Exponential(Elementwise):
    """c^x, c > 0 constant (it may broadcast x)."""

    onnx = {"Pow": 7}
    adjoint_reads = frozenset({"outputs"})
    base: Tensor
    log_base: Tensor

    def __init__(self, base: Tensor) -> None:
        super().__init__()
        self.register_buffer("base", base)
        self.register_buffer("log_base", base.log())

    @classmethod
    def build(cls, node: OnnxNode) -> Exponential | None:
        c = node.constant(0)
        if c is None or not c.is_floating_point() or not node.only_dynamic(1) or not bool((c > 0).all()):
            return None
        return cls(c)

    def forward(self, x: Tensor) -> Tensor:
        return torch.pow(self.base, x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.log_base * y

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        d = (self.log_base * difference(x, x0)).abs()
        return self.log_base * torch.maximum(y, y0) * decay(d)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True


class Reciprocal(Elementwise):
    """c/x, c constant (it may broadcast x); 1/x."""

    onnx = {"Reciprocal": 6, "Div": 7}
    c: Tensor

    def __init__(self, c: Tensor) -> None:
        super().__init__()
        self.register_buffer("c", c)

    @classmethod
    def build(cls, node: OnnxNode) -> Reciprocal | None:
        if node.op == "Reciprocal":
            return cls(torch.ones((), dtype=node.dtype))
        c = node.constant(0)
        return cls(c) if c is not None and c.is_floating_point() and node.only_dynamic(1) else None

    def forward(self, x: Tensor) -> Tensor:
        return self.c / x

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return -y / x

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return -y / x0

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] and bool((self.c >= 0).all())
