"""Pad: margins of a constant, or of the value itself repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..affine.window import is_channels_last
from ..base import OnnxNode
from ..parameters import Ints, given
from ..shapes import positive_axis
from .moving import Moving

#: mode → which place on an axis of size n stands at place i of the padded one (i < 0: before the first)
_SOURCES: dict[str, Callable[[Tensor, int], Tensor]] = {
    "edge": lambda i, n: i.clamp(0, n - 1),
    "reflect": lambda i, n: (n - 1) - ((n - 1) - i.remainder(max(2 * n - 2, 1))).abs(),
    "wrap": lambda i, n: i.remainder(n),
}


class Pad(Moving):
    """x between margins; negative margins crop. What falls on a constant margin is lost, on a copy it is added up."""

    onnx = {"Pad": 2}
    data = (0, 2)

    def __init__(self, node: OnnxNode) -> None:
        pads, axes = Ints(node, "pads", 1), Ints(node, "axes", 3)
        value = node.constant(2)
        super().__init__(node, pads, axes)
        self.pads, self.axes, self.mode = pads, axes, node.attr("mode", "constant")
        self.value = float(node.attr("value", 0.0) if value is None else value.reshape(-1)[0])

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        mode = node.attr("mode", "constant")
        return mode == "constant" or mode in _SOURCES

    def margins(self, args: Sequence[Any]) -> list[tuple[int, int]]:
        """(before, after) for every axis of x."""
        pads, axes = self.pads.of(args), self.axes.of(args)
        rank, half = args[0].dim(), len(pads) // 2
        out = [(0, 0)] * rank
        for k, a in enumerate(range(half) if axes is None else axes):
            out[positive_axis(a, rank)] = (pads[k], pads[half + k])
        return out

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, margins = args[0], self.margins(args)
        if self.mode != "constant":
            for a, source in self.sources(x, margins):
                x = x.index_select(a, source)
            return x
        value = given(args, 2)
        if isinstance(value, Tensor) and 2 in self.slots:
            return torch.where(self.outside(x, margins), value.reshape(()), pad(x, flat(margins)))
        return between(x, margins, self.value)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, margins = args[0], self.margins(args)
        if i == 2:
            return torch.where(self.outside(x, margins), g, 0.0).flatten(1).sum(1).reshape(g.shape[0], *args[2].shape)
        if self.mode == "constant":
            return without(g, margins)
        for a, source in reversed(self.sources(x, margins)):
            zeros = g.new_zeros((*g.shape[: 1 + a], x.shape[a], *g.shape[2 + a :]))
            g = zeros.index_add(1 + a, source, g)
        return g

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return super().nonnegative(inputs) and (2 in self.slots or self.value >= 0)

    def outside(self, x: Tensor, margins: Sequence[tuple[int, int]]) -> Tensor:
        """True on the margins, in the shape of the padded value."""
        return pad(torch.zeros(x.shape, dtype=torch.uint8, device=x.device), flat(margins), value=1).bool()

    def sources(self, x: Tensor, margins: Sequence[tuple[int, int]]) -> list[tuple[int, Tensor]]:
        """(axis, the place each padded place copies) for every axis that changes."""
        place = _SOURCES[self.mode]
        return [
            (a, place(torch.arange(-before, x.shape[a] + after, device=x.device), x.shape[a]))
            for a, (before, after) in enumerate(margins)
            if before or after
        ]


def flat(margins: Sequence[tuple[int, int]]) -> list[int]:
    """Margins as torch's pad wants them: the last axis first."""
    return [m for pair in reversed(margins) for m in pair]


def between(x: Tensor, margins: Sequence[tuple[int, int]], value: float) -> Tensor:
    """x between margins of this value, laid out as it is."""
    if x.dim() == 3 and is_channels_last(x):  # torch's pad keeps the order of an image's axes alone
        return pad(x.unsqueeze(2), flat([*margins[:2], (0, 0), margins[2]]), value=value).squeeze(2)
    return pad(x, flat(margins), value=value)


def without(g: Tensor, margins: Sequence[tuple[int, int]]) -> Tensor:
    """The transpose: what g (T, *y) has between the margins, where it lies, and zeros where they crop."""
    if any(m < 0 for pair in margins for m in pair):
        return pad(g, flat([(-before, -after) for before, after in margins]))
    for a, (before, after) in enumerate(margins, start=1):
        g = g.narrow(a, before, g.shape[a] - before - after) if before or after else g
    return g


class CenterCropPad(Moving):
    """x cropped, or padded with zeros, on both ends alike to the sizes given for `axes` (the odd one at the end)."""

    onnx = {"CenterCropPad": 18}
    steered = False

    def __init__(self, node: OnnxNode) -> None:
        sizes = Ints(node, "shape", 1)
        super().__init__(node, sizes)
        self.sizes, self.axes = sizes, node.attr("axes")

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, sizes = args[0], list(args[0].shape)
        wanted = self.sizes.of(args)
        for a, n in zip(range(len(wanted)) if self.axes is None else self.axes, wanted, strict=True):
            sizes[a] = n
        return centred(x, sizes)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return centred(g, [g.shape[0], *args[0].shape])


def centred(x: Tensor, sizes: Sequence[int]) -> Tensor:
    """x cropped or padded with zeros to `sizes`; of an odd difference the larger half is at the end."""
    margins = []
    for n, m in zip(x.shape, sizes, strict=True):
        before = (m - n) // 2 if m > n else -((n - m) // 2)
        margins.append((before, m - n - before))
    return pad(x, flat(margins))
