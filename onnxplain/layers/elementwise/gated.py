"""y = x · s(x) with a gate s: Gelu, Swish, Mish.

Their derivatives are torch's own kernels where it has one: these are among the slowest elementwise operators. Their
slope is the product rule, (s + s0)/2 + (x + x0)/2 · Δs/Δx, where x and x0 are close, and the plain quotient
elsewhere (the product rule would cancel there); both in float64, since the tails magnify the rounding of x.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Elementwise
from .functions import softplus
from .slopes import difference, normal_cdf_slope, quotient, sigmoid_slope, softplus_slope, tanh_slope, wide

#: the constants of the tanh approximation of gelu
ALPHA, GAMMA = math.sqrt(2 / math.pi), 0.044715


def one_like(x: Tensor) -> Tensor:
    """Ones of x's shape, in the memory of one."""
    return x.new_ones(()).expand_as(x)


class Gated(Elementwise):
    """x · s(x). A subclass gives `forward`, `derivative`, `gate(x)` = s and `gate_slope(x, x0, s, s0)` = Δs/Δx."""

    adjoint_reads = frozenset({"inputs"})

    def gate(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        raise NotImplementedError

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        a, b = wide(x), wide(x0)
        d, s, s0 = difference(a, b), self.gate(a), self.gate(b)
        near = (s + s0) / 2 + (a + b) / 2 * self.gate_slope(a, b, s, s0)
        return torch.where(d.abs() <= 1, near, quotient(a * s - b * s0, d, near)).to(x.dtype)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class Gelu(Gated):
    """x Φ(κx); κ is 1 but for the rounding of a √½ that was written out."""

    onnx = {"Gelu": 20, "com.microsoft:Gelu": 1}

    def __init__(self, kappa: float = 1.0) -> None:
        super().__init__()
        self.kappa = kappa

    @classmethod
    def build(cls, node: OnnxNode) -> Gelu | None:
        return cls() if node.attr("approximate", "none") == "none" else None

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x) if self.kappa == 1 else F.gelu(self.kappa * x) / self.kappa

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.ops.aten.gelu_backward(one_like(x), x if self.kappa == 1 else self.kappa * x)

    def gate(self, x: Tensor) -> Tensor:
        return torch.erfc(x * (-math.sqrt(0.5) * self.kappa)) / 2

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        return self.kappa * normal_cdf_slope(self.kappa * x, self.kappa * x0, s, s0)


class TanhGelu(Gated):
    """x (1 + tanh u)/2 = x σ(2u), u = α (x + γ x³), α = √(2/π) and γ = 0.044715 but for their rounding where they were
    written out."""

    onnx = {"Gelu": 20, "com.microsoft:FastGelu": 1}

    def __init__(self, alpha: float = ALPHA, gamma: float = GAMMA) -> None:
        super().__init__()
        self.alpha, self.gamma = alpha, gamma
        self.plain = alpha == ALPHA and gamma == GAMMA

    @classmethod
    def build(cls, node: OnnxNode) -> TanhGelu | None:
        if node.op == "FastGelu":
            return None if node.has(1) else cls()
        return cls() if node.attr("approximate", "none") == "tanh" else None

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(x, approximate="tanh") if self.plain else x * self.gate(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        if self.plain:
            return torch.ops.aten.gelu_backward(one_like(x), x, approximate="tanh")
        s = self.gate(x)
        return s + s * (1 - s) * (2 * self.alpha) * x * (1 + 3 * self.gamma * x * x)

    def argument(self, x: Tensor) -> Tensor:
        """2u."""
        return 2 * self.alpha * x * (1 + self.gamma * x * x)

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.argument(x))

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        inner = 2 * self.alpha * (1 + self.gamma * (x * x + x * x0 + x0 * x0))
        return sigmoid_slope(self.argument(x), self.argument(x0)) * inner


class Swish(Gated):
    """x σ(αx)."""

    onnx = {"Swish": 24, "com.microsoft:QuickGelu": 1}

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    @classmethod
    def build(cls, node: OnnxNode) -> Swish:
        return cls(node.attr("alpha", 1.702 if node.op == "QuickGelu" else 1.0))

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(x) if self.alpha == 1 else x * torch.sigmoid(self.alpha * x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.ops.aten.silu_backward(one_like(x), self.alpha * x)  # σ(u) + u σ′(u) with u = αx

    def gate(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.alpha * x)

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        return self.alpha * sigmoid_slope(self.alpha * x, self.alpha * x0)


class Mish(Gated):
    """x tanh(log(1 + e^x))."""

    onnx = {"Mish": 18}

    @classmethod
    def build(cls, node: OnnxNode) -> Mish:
        return cls()

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        s = self.gate(x)
        return s + x * (1 - s * s) * torch.sigmoid(x)

    def gate(self, x: Tensor) -> Tensor:
        return torch.tanh(softplus(x))

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        u, u0 = softplus(x), softplus(x0)
        return tanh_slope(u, u0) * softplus_slope(x, x0, u, u0)
