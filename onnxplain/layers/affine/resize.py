"""Resizing by interpolation along each axis: Resize and Upsample."""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of
from ..shapes import fold, unfold
from .resize_fast import fast_path
from .resize_grid import Axis, Mode, axis_matrix, inside, nearest_index
from .resize_target import Target, places, read_mode, read_target


class Resize(Affine):
    """y = (M₁ ⊗ M₂ ⊗ …) x: one interpolation matrix per resized axis. Doubling by nearest and the bilinear cases
    that torch has kernels for take those; nearest copies by index; all else multiplies by the matrices.

    Cubic weights are negative in places, so the positive part of the product is a sum over the pairings of signs.
    """

    onnx = {"Resize": 10, "Upsample": 7}
    family = "resize"

    def __init__(self, target: Target, mode: Mode, extrapolation: float = 0.0) -> None:
        super().__init__()
        self.target = target
        self.mode = mode
        self.extrapolation = extrapolation

    @classmethod
    def build(cls, node: OnnxNode) -> Resize | None:
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        scales, sizes = places(node)
        target = read_target(node, node.constant(scales), node.constant(sizes))
        return None if target is None else cls(target, read_mode(node), float(node.attr("extrapolation_value", 0.0)))

    def forward(self, x: Tensor) -> Tensor:
        y, b = self.linear(x), self.bias(x)
        return y if b is None else y + b

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        axes = self.target.resolve(x.shape)
        if not axes:
            return x if part != "negative" else torch.zeros_like(x)
        if part in ("all", "positive") and (fast := fast_path(axes, self.mode, x.dim())) is not None:
            return fast.forward(x)
        if self._copies and part != "negative":
            for a in axes:
                x = x.index_select(a.axis, self._index(a, x))
            return x
        return self._combine(x, x, axes, part, 0)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        axes = self.target.resolve(like.shape)
        if not axes:
            return r if part != "negative" else torch.zeros_like(r)
        if part in ("all", "positive") and (fast := fast_path(axes, self.mode, like.dim())) is not None:
            return unfold(fast.transpose(fold(r), like.shape), r.shape[0])
        if self._copies and part != "negative":
            for a in reversed(axes):
                shape = list(r.shape)
                shape[1 + a.axis] = a.n_in
                r = r.new_zeros(shape).index_add(1 + a.axis, self._index(a, r), r)
            return r
        return self._combine(r, like, axes, part, 1)

    def bias(self, like: Tensor) -> Tensor | None:
        if self.mode.coordinates != "tf_crop_and_resize" or not self.extrapolation:
            return None
        covered = like.new_ones(())
        for a in self.target.resolve(like.shape):
            column = torch.as_tensor(inside(a, self.mode), dtype=like.dtype, device=like.device)
            covered = covered * column.reshape(-1, *(1,) * (like.dim() - 1 - a.axis))
        return self.extrapolation * (1 - covered)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and self.mode.filter != "cubic" and self.extrapolation >= 0

    @property
    def _copies(self) -> bool:
        return self.mode.filter == "nearest" and self.mode.coordinates != "tf_crop_and_resize"

    def _index(self, a: Axis, x: Tensor) -> Tensor:
        return torch.from_numpy(nearest_index(a, self.mode)).to(x.device)

    def _combine(self, v: Tensor, like: Tensor, axes: list[Axis], part: Part, lead: int) -> Tensor:
        """The part of M₁ ⊗ M₂ ⊗ … applied to v; its transpose where v has a leading target axis (`lead` = 1)."""
        precision = np.float64 if like.dtype == torch.float64 else np.float32
        maps = [
            torch.as_tensor(axis_matrix(a, self.mode, precision), dtype=like.dtype, device=like.device) for a in axes
        ]
        if part == "ones":
            terms = [[(m != 0).to(m.dtype) for m in maps]]
        elif part in ("all", "square", "absolute"):
            terms = [[part_of(m, part) for m in maps]]
        else:
            sign = 1 if part == "positive" else -1
            choices = product(*[[(1, m.clamp(min=0)), (-1, m.clamp(max=0))] for m in maps])
            terms = [[m for _, m in c] for c in choices if prod(s for s, _ in c) == sign]
        total = None
        for term in terms:
            y = v
            for a, m in zip(axes, term, strict=True):
                y = along_axis(m.mT if lead else m, y, a.axis + lead)
            total = y if total is None else total + y
        assert total is not None
        return total


def along_axis(m: Tensor, x: Tensor, axis: int) -> Tensor:
    """Matrix m (out, in) applied along one axis of x."""
    if axis == x.dim() - 1:
        return x @ m.mT
    if axis == x.dim() - 2:
        return m @ x
    return (m @ x.flatten(axis + 1)).unflatten(-1, x.shape[axis + 1 :])
