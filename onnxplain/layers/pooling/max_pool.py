"""MaxPool over one, two or three spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..affine.window import Window, is_channels_last
from ..base import OnnxNode
from ..shapes import fold, unfold
from .single import Single
from .windows import fit, margins

_aten = torch.ops.aten
#: spatial axes → forward, its transpose, and the convolution (and its transpose) that sums windows up
_POOL: dict[int, Any] = {2: F.max_pool2d, 3: F.max_pool3d}
_UNPOOL: dict[int, Any] = {2: _aten.max_pool2d_with_indices_backward, 3: _aten.max_pool3d_with_indices_backward}
_SUM: dict[int, Any] = {2: F.conv2d, 3: F.conv3d}
_SPREAD: dict[int, Any] = {2: F.conv_transpose2d, 3: F.conv_transpose3d}

#: targets, from which on it pays to make what is the same for all of them beforehand
SHARED = 4
_above_zero = torch.ops.aten.threshold_backward


class MaxPool(Single):
    """The largest element of each window; padding never wins.

    An index is a place in its plane, margins included where they had to be put on explicitly (torch's own padding
    covers symmetric margins of at most half a window). Planes with one axis are taken as planes with two.
    """

    onnx = {"MaxPool": 1}
    makes_anew = True

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        window = Window.read(node, node.ints("kernel_shape"))
        self.lifted = window.rank == 1
        self.window = window.lifted() if self.lifted else window
        self.rank = self.window.rank
        self.with_index = node.n_outputs > 1
        self.column_major = bool(node.attr("storage_order", 0))

    @classmethod
    def build(cls, node: OnnxNode) -> MaxPool | None:
        return cls(node) if node.is_floating(0) and len(node.attr("kernel_shape", ())) in (1, 2, 3) else None

    def keeps_rows(self) -> bool:
        return not self.with_index

    def forward(self, *inputs: Tensor) -> Any:
        given = self.full(inputs)[0]
        x = given if given.is_floating_point() else given.to(torch.float64)  # torch pools floating values only
        if not self.with_index:
            return self.down(self.raw(x, False)).to(given.dtype)
        y, index = self.raw(x, True)
        return self.down(y).to(given.dtype), self.onnx_index(self.down(index), x)

    def spatial(self, x: Tensor) -> list[int]:
        """The sizes of the axes the windows slide over."""
        return [1, *x.shape[2:]] if self.lifted else list(x.shape[2:])

    def raw(self, x: Tensor, return_indices: bool) -> Any:
        wide, padding, ceil = self.fitted(x)
        w = self.window
        return _POOL[self.rank](wide, w.kernel, w.strides, padding, w.dilations, ceil, return_indices)

    def fitted(self, x: Tensor) -> tuple[Tensor, list[int], bool]:
        """x as torch can pool it, with explicit margins of −∞ if need be; torch's own padding; its ceil mode."""
        explicit, padding, ceil = fit(self.window, self.spatial(x))
        x = x.unsqueeze(2) if self.lifted else x
        return (F.pad(x, explicit, value=-torch.inf) if explicit else x), padding, ceil

    def down(self, y: Tensor) -> Tensor:
        return y.squeeze(-2) if self.lifted else y

    def onnx_index(self, index: Tensor, x: Tensor) -> Tensor:
        """Places counted over the whole of x, as ONNX's second output does."""
        sizes = self.spatial(x)
        explicit, _, _ = fit(self.window, sizes)
        rest, place = index, torch.zeros_like(index)
        axes, strides, unit = range(len(sizes)), dict[int, int](), 1
        for a in axes if self.column_major else reversed(axes):
            strides[a], unit = unit, unit * sizes[a]
        for a in reversed(axes):
            before, after = (explicit[-2 * a - 2], explicit[-2 * a - 1]) if explicit else (0, 0)
            wide = sizes[a] + before + after
            place = place + (rest.remainder(wide) - before) * strides[a]
            rest = rest.div(wide, rounding_mode="floor")
        planes = torch.arange(x.shape[0] * x.shape[1], device=x.device) * unit
        return place + planes.reshape(x.shape[0], x.shape[1], *[1] * (x.dim() - 2))

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        return self.down(self.raw(self.full(inputs)[0], True)[1])

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        wide, _, _ = self.fitted(self.full(inputs)[0])
        if is_channels_last(index):
            places = index.movedim(1, -1)
            picked = wide.movedim(1, -1).flatten(1, -2).gather(1, places.flatten(1, -2))
            return picked.reshape(places.shape).movedim(-1, 1)
        return wide.flatten(2).gather(2, index.flatten(2)).reshape(index.shape)

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        if self.shares(r, index, args):
            return self.spread_out(r, self.scattered(r.new_ones((1, *index.shape)), index, args))
        return self.scattered(r, index, args)

    def pull_rectified(self, r: Tensor, x: Tensor) -> Tensor:
        args = self.full((x,))
        y, index = (self.down(v) for v in self.raw(args[0], True))
        if self.shares(r, index, args):
            return self.spread_out(r, self.scattered(y[None], index, args))
        if r[0].is_contiguous():  # laid out as r is
            y = y.contiguous()
        return self.scattered(_above_zero.default(r, y.expand_as(r), 0), index, args)

    @property
    def pulls_rectified(self) -> bool:
        return not self.with_index

    def shares(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> bool:
        """Whether to look for the winners' places once, as they are the same for many targets: of 2 × 2 pixels side by side."""
        many = r.shape[0] >= SHARED and not r.requires_grad and is_channels_last(index)
        return many and are_tiles(self.window, self.spatial(args[0]))

    def spread_out(self, r: Tensor, won: Tensor) -> Tensor:
        """r for all four pixels, but 0 where `won` (1, *x) is not above 0."""
        small = fold(r).contiguous(memory_format=torch.channels_last)
        g = unfold(_aten.upsample_nearest2d(small, won.shape[3:]), r.shape[0])
        return _above_zero.grad_input(g, won, 0, grad_input=g)

    def scattered(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        n_targets, w, sizes = r.shape[0], self.window, self.spatial(args[0])
        explicit, padding, ceil = fit(w, sizes)
        if explicit:
            sizes = [n + explicit[-2 * a - 2] + explicit[-2 * a - 1] for a, n in enumerate(sizes)]
        form = torch.channels_last if is_channels_last(index) else torch.contiguous_format
        g, places = fold(r), fold(index.expand(n_targets, *index.shape))
        if self.lifted:
            g, places = g.unsqueeze(2), places.unsqueeze(2)
        like = torch.empty((*g.shape[:2], *sizes), dtype=r.dtype, device=r.device, memory_format=form)
        g, places = g.contiguous(memory_format=form), places.contiguous(memory_format=form)
        back = _UNPOOL[self.rank](g, like, w.kernel, w.strides, padding, w.dilations, ceil, places)
        if explicit:
            back = F.pad(back, [-m for m in explicit])
        return unfold(back.squeeze(2) if self.lifted else back, n_targets)

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        x, w = self.full(inputs)[0], self.window
        each = x.reshape(-1, 1, *self.spatial(x))
        wide = F.pad(each, margins(w, each.shape[2:]))
        y = _SUM[self.rank](wide, x.new_ones(1, 1, *w.kernel), None, w.strides, 0, w.dilations)
        return self.down(y.reshape(*x.shape[:2], *y.shape[2:]))

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        x, w = args[0], self.window
        g = r.unsqueeze(-2) if self.lifted else r
        each = g.reshape(-1, 1, *g.shape[3:])
        wide = _SPREAD[self.rank](each, r.new_ones(1, 1, *w.kernel), None, w.strides, 0, 0, 1, w.dilations)
        return F.pad(wide, [-m for m in margins(w, self.spatial(x))]).reshape(r.shape[0], *x.shape)


def are_tiles(w: Window, sizes: Sequence[int]) -> bool:
    """Whether windows are 2 × 2 pixels, lie side by side and cover the plane."""
    side_by_side = w.kernel == w.strides == (2, 2) and w.dilations == (1, 1) and not any(w.pads)
    return side_by_side and all(n % 2 == 0 for n in sizes)
