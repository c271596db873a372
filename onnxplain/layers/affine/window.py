"""Window: a sliding window's size, strides, dilations and pads, some of which depend on the input's size (`auto_pad`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..base import OnnxNode

Ints = tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """One entry per spatial axis; `pads` holds all beginnings, then all ends, as ONNX writes them."""

    kernel: Ints
    strides: Ints
    dilations: Ints
    pads: Ints
    auto_pad: str = "NOTSET"
    ceil: bool = False

    @classmethod
    def of(
        cls, kernel: Sequence[int], strides: Sequence[int] | None = None, pads: Sequence[int] | None = None
    ) -> Window:
        """A window without dilation; strides 1 and pads 0 unless given."""
        n = len(kernel)
        return cls(tuple(kernel), tuple(strides or (1,) * n), (1,) * n, tuple(pads or (0,) * 2 * n))

    @classmethod
    def read(cls, node: OnnxNode, kernel: Sequence[int]) -> Window:
        """What the node's attributes say; `kernel` where it leaves `kernel_shape` out."""
        n = len(kernel)
        auto_pad = str(node.attr("auto_pad", "NOTSET") or "NOTSET")
        pads = node.ints("pads", default=[0] * 2 * n) if auto_pad == "NOTSET" else [0] * 2 * n
        return cls(
            tuple(node.ints("kernel_shape", default=kernel)),
            tuple(node.ints("strides", default=[1] * n)),
            tuple(node.ints("dilations", default=[1] * n)),
            tuple(pads),
            auto_pad,
            bool(node.attr("ceil_mode", 0)),
        )

    @property
    def rank(self) -> int:
        return len(self.kernel)

    def lifted(self) -> Window:
        """The same windows with an axis of size 1 in front of the spatial ones."""
        begin, end = self.pads[: self.rank], self.pads[self.rank :]
        return replace(
            self,
            kernel=(1, *self.kernel),
            strides=(1, *self.strides),
            dilations=(1, *self.dilations),
            pads=(0, *begin, 0, *end),
        )

    @property
    def reach(self) -> Ints:
        """How many positions the window spans, d·(k − 1) + 1."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilations, strict=True))

    def pads_at(self, spatial: Sequence[int]) -> tuple[Ints, Ints]:
        """Pads before and after an input of this size; SAME_LOWER puts the odd one before, SAME_UPPER after."""
        if not self.auto_pad.startswith("SAME"):
            return self.pads[: self.rank], self.pads[self.rank :]
        total = [
            max((-(-n // s) - 1) * s + r - n, 0) for n, s, r in zip(spatial, self.strides, self.reach, strict=True)
        ]
        small, large = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
        return (large, small) if self.auto_pad == "SAME_LOWER" else (small, large)

    def outputs(self, spatial: Sequence[int]) -> Ints:
        """How many windows fit; in ceil mode also one that starts inside and ends beyond the padding."""
        begin, end = self.pads_at(spatial)
        counts = []
        for n, b, e, s, r in zip(spatial, begin, end, self.strides, self.reach, strict=True):
            room = n + b + e - r
            m = (-(-room // s) if self.ceil else room // s) + 1
            counts.append(m - 1 if self.ceil and (m - 1) * s >= n + b else m)
        return tuple(counts)


def pad_list(begin: Sequence[int], end: Sequence[int]) -> list[int]:
    """The order torch's `pad` wants: last axis first, its beginning before its end."""
    return [p for pair in zip(reversed(begin), reversed(end), strict=True) for p in pair]


def channels_last(x: Tensor) -> Tensor:
    """(N, C, H, W) laid out as N, H, W, C, which convolutions and pools are fastest at, and (N, C, L) as N, L, C where it is taken
    for an image; other ranks as they are."""
    if x.dim() == 4:
        return x.contiguous(memory_format=torch.channels_last)
    return channels_last(x.unsqueeze(2)).squeeze(2) if x.dim() == 3 and x.is_cpu else x


def is_channels_last(x: Tensor) -> bool:
    """Whether it lies so and not in the order of its axes."""
    if x.is_contiguous() or x.dim() not in (3, 4):
        return False
    return (x if x.dim() == 4 else x.unsqueeze(2)).is_contiguous(memory_format=torch.channels_last)


def per_channel(v: Tensor, rank: int) -> Tensor:
    """(C,) → (C, 1, …): broadcasts along axis 1 of a value of this rank."""
    return v.reshape(-1, *(1,) * (rank - 2))
