"""a · b, a / b and a^b of two activations, with broadcasting."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Placed, Pulled
from ..elementwise.slopes import exp_slope, log_slope, power_derivative, power_slope
from ..kinds import Bilinear, Product
from ..shapes import Place, Shape, sum_to


def two_values(node: OnnxNode) -> bool:
    """Both inputs are computed at run time, and floating."""
    return node.only_dynamic(0, 1) and node.is_floating(0) and node.is_floating(1)


class Times(Bilinear):
    """a · b. A subclass gives `onnx`."""

    entrywise = True

    @classmethod
    def build(cls, node: OnnxNode) -> Times | None:
        return cls() if two_values(node) else None

    def keeps_rows(self) -> bool:
        return True

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return self, [place.where(s) for s in shapes]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        return sum_to(g * inputs[1 - i], inputs[i].shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


class Mul(Times):
    """a · b."""

    onnx = {"Mul": 7}


class Gate(Times):
    """g · s in a recurrent cell: the first factor is the gate, for what it does there and whatever made it."""

    onnx = {"onnxplain:Gate": 1}
    family = "gate"


class Div(Product):
    """a / b. Symmetric split: m_a = (1/b + 1/b̄)/2, m_b = −(a + ā)/(2 b b̄)."""

    onnx = {"Div": 7}

    @classmethod
    def build(cls, node: OnnxNode) -> Div | None:
        return cls() if two_values(node) else None

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return self, [place.where(s) for s in shapes]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a / b

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        a, b = inputs
        return sum_to(g / b if i == 0 else -g * (a / b / b), inputs[i].shape)

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        (a, b), (a0, b0) = inputs, inputs0
        m_a = (1 / b + 1 / b0) / 2
        m_b = (a + a0) / 2 / b / b0
        return sum_to(g * m_a, a.shape), sum_to(-g * m_b, b.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


class Power(Product):
    """a^b = exp(b log a) for a > 0. Symmetric split: the product rule on b · log a, times the slopes of exp and log.

    For a ≤ 0 there is no logarithm: what b contributes is undefined there, and all of Δy is a's where b stays as it is.
    """

    onnx = {"Pow": 7}

    @classmethod
    def build(cls, node: OnnxNode) -> Power | None:
        return cls() if two_values(node) else None

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.pow(a, b)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        a, b = inputs
        local = power_derivative(a, b) if i == 0 else torch.xlogy(torch.pow(a, b), a)
        return sum_to(g * local, inputs[i].shape)

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        (a, b), (a0, b0) = inputs, inputs0
        log, log0 = torch.log(a), torch.log(a0)
        outer = g * exp_slope(b * log, b0 * log0)
        m_a, m_b = outer * (b + b0) / 2 * log_slope(a, a0), outer * (log + log0) / 2
        fixed = (b == b0) & ((a <= 0) | (a0 <= 0))
        m_a = torch.where(fixed, g * power_slope(a, a0, torch.pow(a, b), torch.pow(a0, b), b), m_a)
        return sum_to(m_a, a.shape), sum_to(torch.where(fixed, 0.0, m_b), b.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]
