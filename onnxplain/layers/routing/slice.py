"""Slice: a regular selection along some axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints
from ..shapes import Place, positive_axis
from .moving import Moving


class Slice(Moving):
    """x[start:end:step] on the axes named; steps may be negative, starts and ends beyond the axis are clamped."""

    onnx = {"Slice": 1}

    def __init__(self, node: OnnxNode) -> None:
        parameters = [Ints(node, name, i) for i, name in enumerate(("starts", "ends", "axes", "steps"), 1)]
        super().__init__(node, *parameters)
        self.parameters_of = parameters

    def ranges(self, args: Sequence[Any]) -> list[tuple[int, int, range]]:
        """(axis, its size, the places taken on it), one for every axis that is cut."""
        shape = args[0].shape
        starts, ends, axes, steps = (p.of(args) for p in self.parameters_of)
        if axes is None:
            axes = range(len(starts))
        if steps is None:
            steps = [1] * len(starts)
        out = []
        for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
            n = shape[axis]
            taken = range(*slice(start, end, step).indices(n))
            if taken != range(n):
                out.append((positive_axis(axis, len(shape)), n, taken))
        return out

    def reads_one(self, rank: int) -> Place | None:
        starts, ends, axes, steps = (p.constant for p in self.parameters_of)
        if any(p.dynamic for p in self.parameters_of) or axes is None or len(axes) != 1 or steps not in (None, [1]):
            return None
        last = starts[0] == -1 and ends[0] >= 2**31 - 1
        return Place(axes[0] if axes[0] < 0 else axes[0] - rank, last) if last or (starts[0], ends[0]) == (0, 1) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x = args[0]
        for axis, _, taken in self.ranges(args):
            up = taken if taken.step > 0 else taken[::-1]
            if up.step == 1 or len(up) < 2:
                x = x.narrow(axis, up.start if len(up) else 0, len(up))
            else:
                x = x[(slice(None),) * axis + (slice(up.start, up.stop, up.step),)]
            if taken.step < 0:
                x = x.flip(axis)
        return x

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        margins = [0] * (2 * args[0].dim())  # last axis first, as torch's pad counts
        for axis, n, taken in self.ranges(args):
            up = taken if taken.step > 0 else taken[::-1]
            if taken.step < 0:
                g = g.flip(1 + axis)
            if len(up) < 2 or up.step == 1:
                first = up.start if len(up) else 0
                margins[-2 * axis - 2 : len(margins) - 2 * axis] = [first, n - first - len(up)]
            else:
                wide = g.new_zeros((*g.shape[: 1 + axis], n, *g.shape[2 + axis :]))
                g = torch.slice_scatter(wide, g, 1 + axis, up.start, up.stop, up.step)
        return torch.nn.functional.pad(g, margins) if any(margins) else g
