"""The transpose of a convolution over few channels, as an image's three, is a convolution that makes blocks of pixels.

A core takes a dozen channels in the time of three. So the pixels of a block are taken for channels: they read nearly the same of
r, which one window then holds (a sub-pixel convolution, Shi et al. 2016). On the CPU a first layer's transpose takes half to a
third of the time (64 channels to 3: 3² at 224² 10.3 → 4.6 ms, 7² at every other pixel 9.1 → 3.1 ms; measured on one thread).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor

from .window import Ints, Window, channels_last

#: channels that a core makes at a time
LANES = 16
#: the most pixels along a side of a block
MOST = 8
#: multiplications that blocks must save, as a share of what is left of them
WORTH = 0.7
#: numbers of r, below which to bring blocks into place takes as long as they save
LEAST = 2**16


@dataclass(frozen=True)
class Subpixels:
    """Weights (O, C, h, w), or (O, C, w) where h is 1, → those of the convolution that makes blocks of `size` pixels, (pixels · C, O,
    h', w'); `before`: the margins in front."""

    size: Ints
    strides: Ints
    before: Ints
    kernel: Ints

    def reach(self, axis: int) -> range:
        """The places of r, from a block's own on, that its pixels read along an axis."""
        s, p, b = self.strides[axis], self.before[axis], self.size[axis]
        return range(-((self.kernel[axis] - 1 - p) // s), (b - 1 + p) // s + 1)

    def cost(self, channels: int) -> float:
        """Multiplications for a pixel and channel of r, in lanes."""
        window = prod(len(self.reach(a)) for a in (0, 1))
        return -(-prod(self.size) * channels // LANES) * window / prod(self.size)

    def __call__(self, w: Tensor) -> Tensor:
        w = w.reshape(*w.shape[:2], *self.kernel)
        rows, columns = (self.reach(a) for a in (0, 1))
        made = w.new_zeros((*self.size, w.shape[1], w.shape[0], len(rows), len(columns)))
        taps = [self._taps(a) for a in (0, 1)]
        for t, i, y in taps[0]:
            for u, j, x in taps[1]:
                made[t, u, :, :, y - rows.start, x - columns.start] = w[:, :, i, j].mT
        return channels_last(made.flatten(0, 2))

    def _taps(self, axis: int) -> list[tuple[int, int, int]]:
        """Along an axis: (pixel of a block, tap of the kernel through which it reads r, the place of r)."""
        s, p = self.strides[axis], self.before[axis]
        each = [(t, i, *divmod(t + p - i, s)) for t in range(self.size[axis]) for i in range(self.kernel[axis])]
        return [(t, i, y) for t, i, y, rest in each if not rest]


def blocks_of(window: Window, w: Tensor, groups: int) -> Ints | None:
    """The pixels of a block, along each axis, where that pays."""
    if window.rank != 2 or groups != 1 or set(window.dilations) != {1} or max(window.kernel) == 1 or not w.shape[1]:
        return None
    s, begin, kernel, channels = window.strides, window.pads[:2], window.kernel, w.shape[1]
    direct = -(-channels // LANES) * prod(kernel) / prod(s)
    each = [(m * s[0] if kernel[0] > 1 else s[0], m * s[1] if kernel[1] > 1 else s[1]) for m in range(1, MOST + 1)]
    ways = [Subpixels(size, s, begin, kernel) for size in each if max(size) <= MOST and prod(size) > 1]
    best = min(ways, key=lambda way: way.cost(channels), default=None)
    return best.size if best is not None and best.cost(channels) <= WORTH * direct else None


def pays(r: Tensor) -> bool:
    """Whether there is enough to do; in double precision torch's convolutions are made of copies of windows."""
    return r.is_cpu and r.dtype == torch.float32 and r.numel() >= LEAST


def subpixel_transpose(r: Tensor, blocks: Tensor, change: Subpixels, like: Tensor) -> Tensor:
    """wᵀ ∗ r; r (N, O, H', W'), blocks = change(w), w (O, C, h, w) → (N, C, H, W), of the sizes of `like`, and laid out as it is."""
    steps, pads, skip, counts = [], [], [], []
    for a, n in enumerate(like.shape[2:]):
        reach, b = change.reach(a), change.size[a]
        step, count = b // change.strides[a], -(-n // b)
        need = max(-reach.start, step * (count - 1) + reach.stop - r.shape[2 + a], 0)
        more = -(-(need + reach.start) // step)  # margins are the same on both sides: blocks in front that no pixel is of
        steps.append(step)
        pads.append(step * more - reach.start)
        skip.append(more)
        counts.append(count)
    y = torch.conv2d(channels_last(r), blocks, None, steps, pads)
    y = y.narrow(2, skip[0], counts[0]).narrow(3, skip[1], counts[1])
    return _in_place(y, change.size, len(blocks) // prod(change.size), like)


def _in_place(y: Tensor, block: Ints, channels: int, like: Tensor) -> Tensor:
    """(N, pixels · C, rows, columns) of blocks → (N, C, H, W)"""
    n, (_, _, rows, columns), (high, wide) = y.shape[0], y.shape, block
    sizes = (rows * high, columns * wide)
    if like.is_contiguous():
        g = y.reshape(n, high, wide, channels, rows, columns).permute(0, 3, 4, 1, 5, 2).reshape(n, channels, *sizes)
    else:
        g = y.permute(0, 2, 3, 1).reshape(n, rows, columns, high, wide * channels).transpose(2, 3)
        g = g.reshape(n, *sizes, channels).permute(0, 3, 1, 2)
    return _cut(g, like.shape[2:])


def _cut(g: Tensor, size: Sequence[int]) -> Tensor:
    return g if g.shape[2:] == tuple(size) else g[:, :, : size[0], : size[1]]
