"""Sampling at constant places."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of
from .resize_grid import keys_pieces

Taps = tuple[Tensor, Tensor]  # (positions along one axis, weights), each (N, places, taps)


class GridSample(Affine):
    """y[n, c, o] = Σ_k w[n, o, k] · x[n, c, index[n, o, k]]: a few taps of the input for each place of the grid."""

    onnx = {"GridSample": 16}
    family = "resize"
    grid: Tensor

    def __init__(self, grid: Tensor, mode: str = "linear", padding: str = "zeros", align_corners: bool = False) -> None:
        """`grid` (N, *places, D): for each place its coordinates between −1 and 1, last axis of x first."""
        super().__init__()
        self.register_buffer("grid", grid)
        self.mode = mode
        self.padding = padding
        self.align_corners = align_corners

    @classmethod
    def build(cls, node: OnnxNode) -> GridSample | None:
        grid = node.constant(1)
        if not node.only_dynamic(0) or grid is None:
            return None
        mode = str(node.attr("mode", "linear"))
        return cls(
            grid,
            {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode),
            str(node.attr("padding_mode", "zeros")),
            bool(node.attr("align_corners", 0)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        index, w = self._taps(x, part)
        n, c = x.shape[:2]
        picked = x.flatten(2).gather(2, index.flatten(1)[:, None].expand(n, c, -1))
        y = (picked.unflatten(2, index.shape[1:]) * w[:, None]).sum(-1)
        return y.reshape(n, c, *self.grid.shape[1:-1])

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        index, w = self._taps(like, part)
        n, c = like.shape[:2]
        shares = (r.flatten(3)[..., None] * w[:, None]).flatten(3)  # (T, N, C, places · taps)
        at = index.flatten(1)[:, None].expand(*shares.shape[:2], c, -1)
        flat = r.new_zeros((r.shape[0], n, c, like[0, 0].numel())).scatter_add(3, at, shares)
        return flat.reshape(r.shape[0], *like.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and self.mode != "cubic"

    def _taps(self, like: Tensor, part: Part) -> Taps:
        """(index into x's flattened spatial axes, weights), each (N, places, taps)."""
        sizes = like.shape[2:]
        grid = self.grid.to(like.dtype).flatten(1, -2)
        axes = [self._axis(grid[..., len(sizes) - 1 - a], n) for a, n in enumerate(sizes)]
        index, w = axes[0]
        for (i, v), n in zip(axes[1:], sizes[1:], strict=True):
            index = (index[..., :, None] * n + i[..., None, :]).flatten(-2)
            w = (w[..., :, None] * v[..., None, :]).flatten(-2)
        if part != "all":
            index, w = _together(index, w)
        return index, (w != 0).to(w.dtype) if part == "ones" else part_of(w, part)

    def _axis(self, g: Tensor, n: int) -> Taps:
        x = (g + 1) / 2 * (n - 1) if self.align_corners else ((g + 1) * n - 1) / 2
        if self.mode != "cubic":
            x = self._fold_back(x, n)
        if self.mode == "nearest":
            at, w = x.round()[..., None], torch.ones_like(x)[..., None]
        else:
            offsets = torch.arange(-1, 3) if self.mode == "cubic" else torch.arange(0, 2)
            at = x.floor()[..., None] + offsets.to(x)
            w = _keys(at - x[..., None]) if self.mode == "cubic" else 1 - (at - x[..., None]).abs()
        if self.mode == "cubic":
            at = self._fold_back(at, n)
        return at.clamp(0, n - 1).long(), torch.where((at >= 0) & (at <= n - 1), w, 0.0)

    def _fold_back(self, x: Tensor, n: int) -> Tensor:
        """Coordinates beyond the edge, as the padding says; "zeros" leaves them there."""
        return PADDING[self.padding](x, n, self.align_corners)


def _reflect(x: Tensor, n: int, align_corners: bool) -> Tensor:
    """Mirrored at the centres of the first and last element, or at their outer edges."""
    low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
    if high == low:
        return torch.zeros_like(x)
    d = (x - low).abs().remainder(2 * (high - low))
    return (low + torch.minimum(d, 2 * (high - low) - d)).clamp(0, n - 1)


PADDING: dict[str, Callable[[Tensor, int, bool], Tensor]] = {
    "zeros": lambda x, n, aligned: x,
    "border": lambda x, n, aligned: x.clamp(0, n - 1),
    "reflection": _reflect,
}


def _keys(d: Tensor) -> Tensor:
    near, far = keys_pieces(d.abs(), -0.75)
    return torch.where(d.abs() <= 1, near, torch.where(d.abs() < 2, far, 0.0))


def _together(index: Tensor, w: Tensor) -> Taps:
    """Taps of one place that read the same element become one: their sum stands at the first, 0 at the others."""
    same = index[..., :, None] == index[..., None, :]
    first = ~same.tril(-1).any(-1)
    return index, torch.where(first, (same * w[..., None, :]).sum(-1), 0.0)
