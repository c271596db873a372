"""y = x · s(x) with a gate s: Gelu, Swish, Mish.

Their derivatives are torch's own kernels where it has one: these are among the slowest elementwise operators. Their
slope is the plain quotient, in float64, which any two numbers in float32 are far enough apart for. Where the numbers
themselves are in float64 it is the product rule, (s + s0)/2 + (x + x0)/2 · Δs/Δx, if x and x0 are close, and the quotient
elsewhere (the product rule would cancel there).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Elementwise
from .backed import one_like
from .functions import softplus
from .slopes import (
    difference,
    in_blocks,
    normal_cdf_slope,
    quotient,
    sigmoid_slope,
    softplus_slope,
    tanh_slope,
    wide,
    widens,
)

#: the constants of the tanh approximation of gelu
ALPHA, GAMMA = math.sqrt(2 / math.pi), 0.044715


class Gated(Elementwise):
    """x · s(x). A subclass gives `forward`, `times_slope(g, x)` = g f′(x), `gate(x)` = s and `gate_slope(x, x0, s, s0)` = Δs/Δx."""

    adjoint_reads = frozenset({"inputs"})

    def times_slope(self, g: Tensor, x: Tensor) -> Tensor:
        raise NotImplementedError

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.times_slope(one_like(x), x)

    def pull(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return self.times_slope(g[0], x)[None] if len(g) == 1 else g * self.derivative(x, y)

    def gate(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        raise NotImplementedError

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        if widens(x):
            return in_blocks(self.plain_slope, x, x0)
        s, s0 = self.gate(x), self.gate(x0)
        d = difference(x, x0)
        near = (s + s0) / 2 + (x + x0) / 2 * self.gate_slope(x, x0, s, s0)
        return torch.where(d.abs() <= 1, near, quotient(x * s - x0 * s0, d, near))

    def plain_slope(self, x: Tensor, x0: Tensor) -> Tensor:
        """Δy/Δx in float64, the derivative where nothing differs."""
        a, b = wide(x), wide(x0)
        q = (self.gate(a).mul_(a) - self.gate(b).mul_(b)).div_(a - b).to(x.dtype)
        return torch.where(q.isnan(), self.derivative(x, x), q)

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

    def times_slope(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.ops.aten.gelu_backward(g, x if self.kappa == 1 else self.kappa * x)

    def gate(self, x: Tensor) -> Tensor:
        return torch.erfc(x * (-math.sqrt(0.5) * self.kappa)).mul_(0.5)

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

    def times_slope(self, g: Tensor, x: Tensor) -> Tensor:
        if self.plain:
            return torch.ops.aten.gelu_backward(g, x, approximate="tanh")
        s = self.gate(x)
        return g * (s + s * (1 - s) * (2 * self.alpha) * x * (1 + 3 * self.gamma * x * x))

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

    def times_slope(self, g: Tensor, x: Tensor) -> Tensor:
        return torch.ops.aten.silu_backward(g, x if self.alpha == 1 else self.alpha * x)  # σ(u) + u σ′(u) with u = αx

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

    def times_slope(self, g: Tensor, x: Tensor) -> Tensor:
        s = self.gate(x)
        return g * (s + x * (1 - s * s) * torch.sigmoid(x))

    def gate(self, x: Tensor) -> Tensor:
        return torch.tanh(softplus(x))

    def gate_slope(self, x: Tensor, x0: Tensor, s: Tensor, s0: Tensor) -> Tensor:
        u, u0 = softplus(x), softplus(x0)
        return tanh_slope(u, u0) * softplus_slope(x, x0, u, u0)
