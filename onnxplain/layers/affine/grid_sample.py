"""Sampling at constant places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of
from .resize_grid import keys_pieces

Taps = tuple[Tensor, Tensor]  # (positions along one axis, weights), each (N, places, taps)
Sloped = tuple[Tensor, Tensor, Tensor]  # and the weights' derivatives for the grid's coordinate


class GridSample(Affine):
    """y[n, c, o] = Σ_k w[n, o, k] · x[n, c, index[n, o, k]]: a few taps of the input for each place of the grid."""

    onnx = {"GridSample": 16, "com.microsoft:GridSample": 1, "onnxplain:PlaceSample": 1}
    family = "resize"
    grid: Tensor

    def __init__(
        self,
        grid: Tensor,
        mode: str = "linear",
        padding: str = "zeros",
        align_corners: bool = False,
        counted: bool = False,
    ) -> None:
        """`grid` (N, *places, D): for each place its coordinates between −1 and 1 (`counted`: in elements, from the
        first), last axis of x first."""
        super().__init__()
        self.register_buffer("grid", grid)
        self.mode = mode
        self.padding = padding
        self.align_corners = align_corners
        self.counted = counted

    @classmethod
    def build(cls, node: OnnxNode) -> GridSample | None:
        grid = node.constant(1)
        if not node.only_dynamic(0) or grid is None:
            return None
        return cls(grid, *sampling(node))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return self._sampled(x, *self._taps(x, part))

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        index, w = self._taps(like, part)
        n, c = like.shape[:2]
        shares = (r.flatten(3)[..., None] * w[:, None]).flatten(3)  # (T, N, C, places · taps)
        at = index.flatten(1)[:, None].expand(*shares.shape[:2], c, -1)
        flat = r.new_zeros((r.shape[0], n, c, like[0, 0].numel())).scatter_add(3, at, shares)
        return flat.reshape(r.shape[0], *like.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and self.mode != "cubic"

    def slopes(self, x: Tensor) -> Tensor:
        """∂y/∂grid (N, C, *places, D), one place's coordinates moving that place alone."""
        axes = self._axes(x)
        found = []
        for d in reversed(range(len(axes))):
            moved = [(i, dw if a == d else w) for a, (i, w, dw) in enumerate(axes)]
            found.append(self._sampled(x, *_crossed(moved, x.shape[2:])))
        return torch.stack(found, -1)

    def _sampled(self, x: Tensor, index: Tensor, w: Tensor) -> Tensor:
        n, c = x.shape[:2]
        picked = x.flatten(2).gather(2, index.flatten(1)[:, None].expand(n, c, -1))
        y = (picked.unflatten(2, index.shape[1:]) * w[:, None]).sum(-1)
        return y.reshape(n, c, *self.grid.shape[1:-1])

    def _taps(self, like: Tensor, part: Part) -> Taps:
        """(index into x's flattened spatial axes, weights), each (N, places, taps)."""
        index, w = _crossed([(i, w) for i, w, _ in self._axes(like)], like.shape[2:])
        if part != "all":
            index, w = _together(index, w)
        return index, (w != 0).to(w.dtype) if part == "ones" else part_of(w, part)

    def _axes(self, like: Tensor) -> list[Sloped]:
        sizes = like.shape[2:]
        grid = self.grid.to(like.dtype).flatten(1, -2)
        return [self._axis(grid[..., len(sizes) - 1 - a], n) for a, n in enumerate(sizes)]

    def _axis(self, g: Tensor, n: int) -> Sloped:
        x = g if self.counted else (g + 1) / 2 * (n - 1) if self.align_corners else ((g + 1) * n - 1) / 2
        speed = torch.full_like(x, 1 if self.counted else (n - 1) / 2 if self.align_corners else n / 2)
        if self.mode != "cubic":
            speed = speed * self._turned(x, n)
            x = self._fold_back(x, n)
        if self.mode == "nearest":
            at, w = x.round()[..., None], torch.ones_like(x)[..., None]
            dw = torch.zeros_like(w)
        else:
            offsets = torch.arange(-1, 3) if self.mode == "cubic" else torch.arange(0, 2)
            at = x.floor()[..., None] + offsets.to(x)
            d = at - x[..., None]
            w = _keys(d) if self.mode == "cubic" else 1 - d.abs()
            dw = -_keys_slope(d) if self.mode == "cubic" else 2 * offsets.to(x) - 1
            dw = dw * speed[..., None]
        if self.mode == "cubic":
            at = self._fold_back(at, n)
        inside = (at >= 0) & (at <= n - 1)
        return at.clamp(0, n - 1).long(), torch.where(inside, w, 0.0), torch.where(inside, dw, 0.0)

    def _fold_back(self, x: Tensor, n: int) -> Tensor:
        """Coordinates beyond the edge, as the padding says; "zeros" leaves them there."""
        return PADDING[self.padding](x, n, self.align_corners)

    def _turned(self, x: Tensor, n: int) -> Tensor:
        """The derivative of `_fold_back`: 1, −1 where mirrored an odd number of times, 0 where clamped."""
        if self.padding == "zeros":
            return torch.ones_like(x)
        folded = self._fold_back(x, n)
        clamped = (folded <= 0) | (folded >= n - 1)
        if self.padding == "border":
            return (~clamped).to(x.dtype)
        low, high = (0.0, n - 1.0) if self.align_corners else (-0.5, n - 0.5)
        if high == low:
            return torch.zeros_like(x)
        turn = torch.where(((x - low) / (high - low)).floor().remainder(2) == 0, 1.0, -1.0).to(x.dtype)
        return turn if self.align_corners else torch.where(clamped, 0.0, turn)  # mirrored at the centres it never is


def sampling(node: OnnxNode) -> tuple[str, str, bool, bool]:
    """(mode, padding, align_corners, counted); the modes had other names before opset 20."""
    mode = str(node.attr("mode", "linear"))
    mode = {"bilinear": "linear", "bicubic": "cubic"}.get(mode, mode)
    padding, aligned = str(node.attr("padding_mode", "zeros")), bool(node.attr("align_corners", 0))
    return mode, padding, aligned, node.op == "PlaceSample"


def _crossed(axes: Sequence[Taps], sizes: Sequence[int]) -> Taps:
    """Taps on each axis → taps in the flattened image."""

    def cross(before: Taps, after: tuple[Taps, int]) -> Taps:
        (index, w), ((i, v), n) = before, after
        return (
            (index[..., :, None] * n + i[..., None, :]).flatten(-2),
            (w[..., :, None] * v[..., None, :]).flatten(-2),
        )

    return reduce(cross, zip(axes[1:], sizes[1:], strict=True), axes[0])


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


def _keys_slope(d: Tensor) -> Tensor:
    """The derivative of `_keys`: of a|d|³ − … with a = −0.75."""
    a, s = -0.75, d.abs()
    near = 3 * (a + 2) * s * s - 2 * (a + 3) * s
    far = 3 * a * s * s - 10 * a * s + 8 * a
    return d.sign() * torch.where(s <= 1, near, torch.where(s < 2, far, 0.0))


def _together(index: Tensor, w: Tensor) -> Taps:
    """Taps of one place that read the same element become one: their sum stands at the first, 0 at the others."""
    same = index[..., :, None] == index[..., None, :]
    first = ~same.tril(-1).any(-1)
    return index, torch.where(first, (same * w[..., None, :]).sum(-1), 0.0)
