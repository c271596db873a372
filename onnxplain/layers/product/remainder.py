"""The remainder of a division of two activations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Pulled
from ..elementwise.slopes import quotient
from ..kinds import Product
from ..shapes import sum_to
from .pointwise import two_values


class Remainder(Product):
    """y = a − b·q with q = trunc(a/b) (fmod = 1, the sign of a) or ⌊a/b⌋ (the sign of b).

    Symmetric split: the product rule on b·q, with Δq shared as the difference of the quotient a/b is.
    """

    onnx = {"Mod": 10}
    remainder: Callable[[Tensor, Tensor], Tensor]
    whole: Callable[[Tensor], Tensor]

    def __init__(self, truncates: bool) -> None:
        super().__init__()
        self.remainder, self.whole = (torch.fmod, torch.trunc) if truncates else (torch.remainder, torch.floor)

    @classmethod
    def build(cls, node: OnnxNode) -> Remainder | None:
        return cls(bool(node.attr("fmod", 0))) if two_values(node) else None

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return self.remainder(a, b)

    def steps(self, a: Tensor, b: Tensor) -> Tensor:
        """q, as the exact remainder has it: a/b alone may round over a step."""
        return ((a - self.remainder(a, b)) / b).round()

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        return sum_to(g if i == 0 else -g * self.steps(*inputs), inputs[i].shape)

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        (a, b), (a0, b0) = inputs, inputs0
        q, q0 = self.steps(a, b), self.steps(a0, b0)
        jump = -(b + b0) / 2 * quotient(q - q0, a / b - a0 / b0, 0.0)
        m_a = 1 + jump * (1 / b + 1 / b0) / 2
        m_b = -(q + q0) / 2 - jump * (a + a0) / 2 / b / b0
        return sum_to(g * m_a, a.shape), sum_to(g * m_b, b.shape)
