"""Functions with corners or jumps: their slopes are shares of the way from x0 to x, or quotients over a jump."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Elementwise
from .backed import Backed, one_like
from .slopes import above_zero, exp_slope, inside, jump_slope, share


class Relu(Backed):
    """max(x, 0)."""

    onnx = {"Relu": 1}
    kernel, numbers = torch.ops.aten.threshold_backward, (0.0,)
    adjoint_reads = frozenset({"outputs"})
    slope_reads = frozenset({"inputs"})
    rectifies = True
    zero_below = True

    @classmethod
    def build(cls, node: OnnxNode) -> Relu | None:
        return cls() if node.is_floating(0) else None

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return above_zero(x, x0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True


def bent(above: Tensor, alpha: Tensor | float) -> Tensor:
    """The slope of what has slope 1 above zero, of which this is the share, and α below."""
    return above + (1 - above) * alpha


class LeakyRelu(Backed):
    """x where x > 0, else αx, α one number."""

    onnx = {"LeakyRelu": 6}
    kernel = torch.ops.aten.leaky_relu_backward
    adjoint_reads = frozenset({"inputs"})
    slope_reads = frozenset({"inputs"})

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha, self.numbers = alpha, (alpha, False)

    @classmethod
    def build(cls, node: OnnxNode) -> LeakyRelu | None:
        return cls(node.attr("alpha", 0.01)) if node.is_floating(0) else None

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(x, self.alpha)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return bent(above_zero(x, x0), self.alpha)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class PRelu(Elementwise):
    """The same with α a constant that broadcasts against x."""

    onnx = {"PRelu": 7}
    adjoint_reads = frozenset({"inputs"})
    slope_reads = frozenset({"inputs"})
    alpha: Tensor

    def __init__(self, alpha: Tensor) -> None:
        super().__init__()
        self.register_buffer("alpha", alpha)

    @classmethod
    def build(cls, node: OnnxNode) -> PRelu | None:
        alpha = node.constant(1)
        return None if alpha is None or not node.is_floating(0) or not node.only_dynamic(0) else cls(alpha)

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(min=0) + self.alpha * x.clamp(max=0)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return bent((x > 0).to(x.dtype), self.alpha)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return bent(above_zero(x, x0), self.alpha)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class Clip(Backed):
    """min(max(x, low), high)."""

    onnx = {"Clip": 6}
    kernel = torch.ops.aten.hardtanh_backward
    adjoint_reads = frozenset({"inputs"})
    slope_reads = frozenset({"inputs"})

    def __init__(self, low: float = -math.inf, high: float = math.inf) -> None:
        super().__init__()
        self.numbers = self.low, self.high = low, high
        self.zero_below = low == 0 <= high

    @classmethod
    def build(cls, node: OnnxNode) -> Clip | None:
        if not node.is_floating(0) or not node.only_dynamic(0):
            return None
        low, high = node.attr("min"), node.attr("max")
        if node.opset >= 11:
            low, high = node.constant(1), node.constant(2)
        return cls(-math.inf if low is None else float(low), math.inf if high is None else float(high))

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(self.low, self.high)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return share(x, x0, self.low, self.high)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return self.high >= 0 and (inputs[0] or self.low >= 0)


class HardSigmoid(Elementwise):
    """min(max(αx + β, 0), top); the operator's own top is 1."""

    onnx = {"HardSigmoid": 6}
    adjoint_reads = frozenset({"outputs"})
    slope_reads = frozenset({"inputs"})

    def __init__(self, alpha: float, beta: float, top: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.top = alpha, beta, top
        corners = (-beta / alpha, (top - beta) / alpha) if alpha else (0.0, 0.0)
        self.low, self.high = min(corners), max(corners)

    @classmethod
    def build(cls, node: OnnxNode) -> HardSigmoid:
        return cls(node.attr("alpha", 0.2), node.attr("beta", 0.5))

    def forward(self, x: Tensor) -> Tensor:
        return (self.alpha * x + self.beta).clamp(0, self.top)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.pull(one_like(y), x, y)

    def pull(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return inside(g, y, 0.0, self.top).mul_(self.alpha)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.alpha * share(x, x0, self.low, self.high)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True


class HardSwish(Elementwise):
    """x · min(max(αx + β, 0), top), α > 0: a parabola between two corners. The operator's own: α = 1/6, β = 1/2, top 1."""

    onnx = {"HardSwish": 14}
    adjoint_reads = frozenset({"inputs"})
    slope_reads = frozenset({"inputs"})

    def __init__(self, alpha: float = 1 / 6, beta: float = 0.5, top: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.beta, self.top = alpha, beta, top
        plain = alpha == 1 / 6 and beta == 0.5 and top == 1
        # 0.5 / (1/6) is not quite 3
        self.plain, self.low, self.high = plain, *((-3.0, 3.0) if plain else (-beta / alpha, (top - beta) / alpha))

    @classmethod
    def build(cls, node: OnnxNode) -> HardSwish:
        return cls()

    def forward(self, x: Tensor) -> Tensor:
        return F.hardswish(x) if self.plain else x * (self.alpha * x + self.beta).clamp(0, self.top)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        if self.plain:
            return torch.ops.aten.hardswish_backward(one_like(x), x)
        between = inside(2 * self.alpha * x + self.beta, x, self.low, self.high)
        return between.add_((x >= self.high).to(x.dtype), alpha=self.top)

    def pull(self, g: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return torch.ops.aten.hardswish_backward(g, x) if self.plain else g * self.derivative(x, y)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        a, b = x.clamp(self.low, self.high), x0.clamp(self.low, self.high)
        # the sum that cancels is then exact
        parabola = self.alpha * ((torch.minimum(a, b) - self.low) + torch.maximum(a, b))
        return share(x, x0, self.low, self.high) * parabola + self.top * share(x, x0, self.high, math.inf)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class ExponentialUnit(Backed):
    """γ · (x where x > 0, else α(e^(x/w) − 1)). Elu: γ = w = 1; Selu: w = 1; Celu: γ = 1, w = α."""

    onnx = {"Elu": 6, "Selu": 6, "Celu": 12}
    kernel = torch.ops.aten.elu_backward
    adjoint_reads = frozenset({"inputs"})
    slope_reads = frozenset({"inputs"})

    def __init__(self, alpha: float, gamma: float = 1.0, width: float = 1.0) -> None:
        super().__init__()
        self.alpha, self.gamma, self.width = alpha, gamma, width
        self.numbers = alpha, gamma, 1 / width if width else math.inf

    @classmethod
    def build(cls, node: OnnxNode) -> ExponentialUnit:
        if node.op == "Selu":
            return cls(node.attr("alpha", 1.67326319217681884765625), node.attr("gamma", 1.05070102214813232421875))
        alpha = node.attr("alpha", 1.0)
        return cls(alpha, width=alpha if node.op == "Celu" else 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.gamma * (x.clamp(min=0) + self.alpha * torch.expm1(x.clamp(max=0) / self.width))

    def given(self, g: Tensor, v: Tensor) -> tuple[Any, ...]:
        return (g, *self.numbers, False, v)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        above = above_zero(x, x0)
        below = exp_slope(x.clamp(max=0) / self.width, x0.clamp(max=0) / self.width)
        return self.gamma * (above + (1 - above) * (self.alpha / self.width) * below)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] and self.gamma >= 0


class ThresholdedRelu(Elementwise):
    """x where x > α, else 0: a jump at α."""

    onnx = {"ThresholdedRelu": 1}
    adjoint_reads = frozenset({"inputs"})

    def __init__(self, alpha: float) -> None:
        super().__init__()
        self.alpha = alpha

    @classmethod
    def build(cls, node: OnnxNode) -> ThresholdedRelu:
        return cls(node.attr("alpha", 1.0))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x > self.alpha, x, 0.0)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return (x > self.alpha).to(x.dtype)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        above = x > self.alpha
        return jump_slope(above == (x0 > self.alpha), above.to(x.dtype), x, x0, y, y0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] or self.alpha >= 0


class Shrink(Elementwise):
    """x + bias where x < −λ, x − bias where x > λ, else 0: jumps at ±λ unless bias = λ."""

    onnx = {"Shrink": 9}
    adjoint_reads = frozenset({"inputs"})

    def __init__(self, bias: float, lambd: float) -> None:
        super().__init__()
        self.bias, self.lambd = bias, lambd

    @classmethod
    def build(cls, node: OnnxNode) -> Shrink | None:
        return cls(node.attr("bias", 0.0), node.attr("lambd", 0.5)) if node.is_floating(0) else None

    def piece(self, x: Tensor) -> Tensor:
        """−1, 0 or 1: which piece of the function x lies on."""
        return torch.where(x < -self.lambd, -1.0, (x > self.lambd).to(x.dtype))

    def forward(self, x: Tensor) -> Tensor:
        piece = self.piece(x)
        return torch.where(piece != 0, x - piece * self.bias, 0.0)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.piece(x).abs()

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        piece = self.piece(x)
        return jump_slope(piece == self.piece(x0), piece.abs(), x, x0, y, y0)


class Mod(Elementwise):
    """The remainder of x by a constant d, with the sign of x (fmod = 1) or of d: slope 1, and jumps."""

    onnx = {"Mod": 10}
    adjoint_reads = frozenset()
    divisor: Tensor

    def __init__(self, divisor: Tensor, truncates: bool) -> None:
        super().__init__()
        self.register_buffer("divisor", divisor)
        self.truncates = truncates

    @classmethod
    def build(cls, node: OnnxNode) -> Mod | None:
        divisor = node.constant(1)
        if divisor is None or not node.is_floating(0) or not node.only_dynamic(0):
            return None
        return cls(divisor, bool(node.attr("fmod", 0)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.fmod(x, self.divisor) if self.truncates else torch.remainder(x, self.divisor)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.ones_like(y)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        # how often d goes into x, as the exact remainder has it: x/d alone may round over a step
        same = ((x - y) / self.divisor).round() == ((x0 - y0) / self.divisor).round()
        return jump_slope(same, 1.0, x, x0, y, y0)
