"""Running sums along an axis."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part
from ..settling import Settling
from ..shapes import lift, positive_axis


def running_sum(x: Tensor, axis: int, exclusive: bool, reverse: bool) -> Tensor:
    """y_i = Σ x_j over j ≤ i (j < i if exclusive; from the other end if reversed)."""
    turned = x.flip(axis) if reverse else x
    y = turned.cumsum(axis)
    if exclusive:
        first = torch.zeros_like(y.narrow(axis, 0, min(1, y.shape[axis])))
        y = torch.cat([first, y.narrow(axis, 0, max(y.shape[axis] - 1, 0))], axis)
    return y.flip(axis) if reverse else y


class CumSum(Affine):
    """y_i = Σ x_j over j ≤ i: a triangular matrix of ones, whose transpose sums from the other end."""

    onnx = {"CumSum": 11}

    def __init__(self, axis: int, exclusive: bool = False, reverse: bool = False) -> None:
        super().__init__()
        self.axis = axis
        self.exclusive = exclusive
        self.reverse = reverse

    @classmethod
    def build(cls, node: OnnxNode) -> CumSum | None:
        axis = node.ints("axis", 1)
        if not node.only_dynamic(0) or not node.is_floating(0) or axis is None:
            return None
        return cls(axis[0], bool(node.attr("exclusive", 0)), bool(node.attr("reverse", 0)))

    def forward(self, x: Tensor) -> Tensor:
        return running_sum(x, positive_axis(self.axis, x.dim()), self.exclusive, self.reverse)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return torch.zeros_like(x) if part == "negative" else self.forward(x)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        if part == "negative":
            return torch.zeros_like(r)
        return running_sum(r, lift(self.axis, like.dim()), self.exclusive, not self.reverse)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


class DynamicCumSum(Settling, Affine):
    """Running sums along an axis that is computed at run time."""

    onnx = {"CumSum": 11}
    keeps_sign = True
