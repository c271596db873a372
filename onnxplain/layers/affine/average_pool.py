"""Average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor
from torch.nn import functional as F

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of
from ..shapes import fold, unfold
from .kernels import BACKWARD, FORWARD
from .reduce import number_part
from .window import Window, channels_last, pad_list


class AveragePool(Affine):
    """y = (sum over the window) / (number of its positions that count), in 1 to 3 dimensions.

    Positions on the padding count if `count_pads`; those that `ceil_mode` adds behind it never do.
    """

    onnx = {"AveragePool": 1}
    family = "average"

    def __init__(self, window: Window, count_pads: bool = False) -> None:
        super().__init__()
        self.window = window
        self.count_pads = count_pads

    @classmethod
    def build(cls, node: OnnxNode) -> AveragePool | None:
        kernel = node.ints("kernel_shape", default=[])
        if len(kernel) not in FORWARD or not node.is_floating(0):
            return None
        return cls(Window.read(node, kernel), bool(node.attr("count_include_pad", 0)))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return window_sum(x, self.window) * self._share(x, part)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        return unfold(window_sum_transpose(fold(r * self._share(like, part)), like, self.window), r.shape[0])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)

    def _share(self, like: Tensor, part: Part) -> Tensor | float:
        """1 / count per window: one number where all windows count the same."""
        at = self.window
        if not (any(at.pads) or at.ceil or at.auto_pad.startswith("SAME")):
            return number_part(1 / prod(at.kernel), part)
        counts = self._counts(like.shape[2:])
        if all(len(set(c)) <= 1 for c in counts):
            return number_part(1 / prod(c[0] for c in counts if c), part)
        share = like.new_ones(())
        for axis, c in enumerate(counts):
            share = share / like.new_tensor(c).reshape(-1, *(1,) * (len(counts) - axis - 1))
        return part_of(share, part)

    def _counts(self, spatial: Sequence[int]) -> list[list[int]]:
        """For each axis, how many positions of each window count."""
        at, (begin, end) = self.window, self.window.pads_at(spatial)
        edges = [(-b, n + e) if self.count_pads else (0, n) for n, b, e in zip(spatial, begin, end, strict=True)]
        return [
            [max(1, sum(low <= i * s - b + j * d < high for j in range(k))) for i in range(m)]
            for m, s, b, d, k, (low, high) in zip(
                at.outputs(spatial), at.strides, begin, at.dilations, at.kernel, edges, strict=True
            )
        ]


class SumPool(Affine):
    """The sum over the window: no operator of ONNX, but a part of LpPool."""

    onnx = {"SumPool": 1}
    family = "average"

    def __init__(self, window: Window) -> None:
        super().__init__()
        self.window = window

    @classmethod
    def build(cls, node: OnnxNode) -> SumPool | None:
        kernel = node.ints("kernel_shape", default=[])
        return cls(Window.read(node, kernel)) if len(kernel) in FORWARD and node.is_floating(0) else None

    def forward(self, x: Tensor) -> Tensor:
        return window_sum(x, self.window)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return window_sum(x, self.window) * number_part(1.0, part)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        pulled = window_sum_transpose(fold(r) * number_part(1.0, part), like, self.window)
        return unfold(pulled, r.shape[0])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


def window_sum(x: Tensor, at: Window) -> Tensor:
    """The sum over every window, zeros on the padding."""
    inner, outer = _pads(x.shape[2:], at)
    if any(outer):
        x = F.pad(x, outer)
    if any(d > 1 for d in at.dilations):
        y = FORWARD[at.rank](_single(x), _ones(x, at), None, at.strides, inner, at.dilations)
        return y.reshape(*x.shape[:2], *y.shape[2:])
    if at.rank == 3:
        return F.avg_pool3d(x, at.kernel, at.strides, inner, divisor_override=1)
    y = F.avg_pool2d(_flat(x), *_flat_sizes(at, inner), divisor_override=1)
    return y if at.rank == 2 else y.squeeze(2)


def window_sum_transpose(r: Tensor, like: Tensor, at: Window) -> Tensor:
    """Every position gets the sum of r (N, C, …) over the windows that hold it; `like`: the pool's input."""
    inner, outer = _pads(like.shape[2:], at)
    ends = list(zip(outer[-2::-2], outer[::-2], strict=True)) if any(outer) else [(0, 0)] * at.rank
    size = [n + b + e for n, (b, e) in zip(like.shape[2:], ends, strict=True)]
    if any(d > 1 for d in at.dilations):
        rest = [
            n + 2 * p - (m - 1) * s - reach
            for n, p, m, s, reach in zip(size, inner, r.shape[2:], at.strides, at.reach, strict=True)
        ]
        g = BACKWARD[at.rank](_single(r), _ones(r, at), None, at.strides, inner, rest, 1, at.dilations)
        g = g.reshape(*r.shape[:2], *size)
    else:
        room = r.new_zeros(()).expand(*r.shape[:2], *size)
        if at.rank == 3:
            g = torch.ops.aten.avg_pool3d_backward(r, room, at.kernel, at.strides, inner, False, True, 1)
        else:
            sizes = _flat_sizes(at, inner)
            g = torch.ops.aten.avg_pool2d_backward(
                _flat(r), room if at.rank == 2 else room.unsqueeze(2), *sizes, False, True, 1
            )
            g = g if at.rank == 2 else g.squeeze(2)
    return F.pad(g, [-p for p in outer]) if any(outer) else g


def _pads(spatial: Sequence[int], at: Window) -> tuple[tuple[int, ...], list[int]]:
    """(pads the kernel makes itself, pads to add before it): the latter where they are uneven or large."""
    begin, end = at.pads_at(spatial)
    last = [
        (m - 1) * s + r - n - b
        for m, s, r, n, b in zip(at.outputs(spatial), at.strides, at.reach, spatial, begin, strict=True)
    ]
    end = tuple(max(e, missing) for e, missing in zip(end, last, strict=True))
    if begin == end and all(2 * b <= k for b, k in zip(begin, at.kernel, strict=True)):
        return begin, [0] * 2 * at.rank
    return (0,) * at.rank, pad_list(begin, end)


def _flat(x: Tensor) -> Tensor:
    return channels_last(x if x.dim() == 4 else x.unsqueeze(2))


def _flat_sizes(at: Window, inner: Sequence[int]) -> tuple[list[int], list[int], list[int]]:
    """Kernel, strides and pads with an axis of size 1 in front where there is only one."""
    front = 2 - at.rank
    return [1] * front + list(at.kernel), [1] * front + list(at.strides), [0] * front + list(inner)


def _single(x: Tensor) -> Tensor:
    """(N, C, …) → (N·C, 1, …): every channel on its own."""
    return x.reshape(x.shape[0] * x.shape[1], 1, *x.shape[2:])


def _ones(x: Tensor, at: Window) -> Tensor:
    return x.new_ones((1, 1, *at.kernel))
