"""Multiplication and division by a constant."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Placed
from ..kinds import Affine, Part, one_for_all_rows, part_of
from ..shapes import Place, Shape, sum_to
from .merging import nothing_below_zero


class Scale(Affine):
    """y = x ⊙ a, or y = x / a for `divide`; a may broadcast x to a larger shape.

    Division stays a division: x · (1/a) rounds otherwise, and a Floor behind it would show that.
    """

    onnx = {"Mul": 1, "Div": 1, "Neg": 1}
    family = "scale"
    a: Tensor

    def __init__(self, factor: Tensor, divide: bool = False) -> None:
        super().__init__()
        self.register_buffer("a", factor)
        self.divide = divide

    @classmethod
    def build(cls, node: OnnxNode) -> Scale | None:
        if node.op == "Neg":
            return cls(torch.tensor(-1.0, dtype=node.dtype)) if node.is_floating(0) else None
        if node.only_dynamic(0) and node.is_floating(0) and (a := node.constant(1)) is not None:
            return cls(a, divide=node.op == "Div")
        if node.only_dynamic(1) and node.is_floating(1) and node.op == "Mul" and (a := node.constant(0)) is not None:
            return cls(a)
        return None

    @property
    def factor(self) -> Tensor:
        """a, or 1/a: the diagonal of J."""
        return 1 / self.a if self.divide else self.a

    def keeps_rows(self) -> bool:
        return one_for_all_rows(self)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return (self, [place]) if self.a.numel() == 1 and self.a.dim() <= len(shapes[0]) else None

    def forward(self, x: Tensor) -> Tensor:
        return x / self.a if self.divide else x * self.a

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return self.forward(x) if part == "all" else x * part_of(self.factor, part)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        return sum_to(self.linear(r, part), like.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.a)
