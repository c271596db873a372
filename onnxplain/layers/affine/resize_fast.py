"""The resizings that torch has kernels for, with their transposes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from .resize_grid import Axis, Mode
from .window import channels_last

#: coordinates that torch's linear kernels use: align_corners yes or no
LINEAR = {"align_corners": True, "half_pixel": False, "pytorch_half_pixel": False}


@dataclass(frozen=True)
class FastPath:
    """Nearest by a power of two, or linear, over the last two axes of an image."""

    linear: bool
    align_corners: bool
    rows: Axis | None
    columns: Axis | None

    def _sizes(self, shape: Sequence[int]) -> list[int]:
        return [n if a is None else a.n_out for a, n in zip((self.rows, self.columns), shape[2:], strict=True)]

    def _scales(self) -> list[float]:
        return [1.0 if a is None else a.scale for a in (self.rows, self.columns)]

    def forward(self, x: Tensor) -> Tensor:
        x, size = channels_last(x), self._sizes(x.shape)
        if self.linear:
            return torch.ops.aten.upsample_bilinear2d(x, size, self.align_corners, *self._scales())
        return torch.ops.aten.upsample_nearest2d(x, size, *self._scales())

    def transpose(self, r: Tensor, shape: Sequence[int]) -> Tensor:
        """Jᵀ r for r (N, C, …) and an input of this shape."""
        size = self._sizes(shape)
        inputs = [r.shape[0], *shape[1:]]
        if self.linear:
            return torch.ops.aten.upsample_bilinear2d_backward(r, size, inputs, self.align_corners, *self._scales())
        return torch.ops.aten.upsample_nearest2d_backward(r, size, inputs, *self._scales())


def fast_path(axes: Sequence[Axis], mode: Mode, rank: int) -> FastPath | None:
    """The kernel for this resizing, or None."""
    if rank != 4 or any(a.axis < 2 for a in axes):
        return None
    by_axis = {a.axis: a for a in axes}
    rows, columns = by_axis.get(2), by_axis.get(3)
    if mode.filter == "linear" and not mode.antialias and mode.coordinates in LINEAR:
        if mode.coordinates == "pytorch_half_pixel" and any(a.n_out == 1 for a in axes):
            return None
        return FastPath(True, LINEAR[mode.coordinates], rows, columns)
    powers = all(a.n_out == a.n_in * a.scale and a.scale in (2.0, 4.0, 8.0, 16.0) for a in axes)
    if mode.filter == "nearest" and powers and copies_whole_blocks(mode):
        return FastPath(False, False, rows, columns)
    return None


def copies_whole_blocks(mode: Mode) -> bool:
    """Output i reads input ⌊i / k⌋ for a whole scale k."""
    return (mode.coordinates, mode.nearest) in {
        ("asymmetric", "floor"),
        ("asymmetric", "simple"),
        ("half_pixel", "round_prefer_floor"),
        ("half_pixel", "round_prefer_ceil"),
        ("pytorch_half_pixel", "round_prefer_floor"),
        ("pytorch_half_pixel", "round_prefer_ceil"),
        ("tf_half_pixel_for_nn", "floor"),
    }
