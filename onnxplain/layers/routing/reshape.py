"""Operators that only rename axes: the transpose of every one of them is a reshape to the input's shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode, Placed
from ..parameters import Ints
from ..shapes import Place, Shape, positive_axis
from .moving import Moving


class Renaming(Moving):
    """y = x with the same elements in the same order under another shape."""

    steered = False

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return g.reshape(g.shape[0], *args[0].shape)


class Reshape(Renaming):
    """x as `shape`: one −1 is what is left, 0 copies x's size unless `allowzero`."""

    onnx = {"Reshape": 5}

    def __init__(self, node: OnnxNode) -> None:
        shape = Ints(node, "shape", 1)
        super().__init__(node, shape)
        self.shape = shape
        self.copy_zeros = not node.attr("allowzero", 0)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        """Where the axis is one of x's as well: all before it are copied, or as many elements lie behind it."""
        (x,), sizes = shapes[:1], self.shape.constant
        if self.shape.dynamic or not self.copy_zeros or out is None or len(out) != len(sizes):
            return None
        k = len(out) + place.axis
        if all(n == 0 for n in sizes[: k + 1]):
            return self, [Place(k - len(x), place.last)]
        for i in range(len(x)):
            copied = i < len(sizes) and i != k and sizes[i] == 0  # by another axis
            if not copied and out[k] is not None and x[i] == out[k] and _elements(x[i + 1 :]) == _elements(out[k + 1 :]) is not None:
                return to_sizes([*sizes[:k], 1, *sizes[k + 1 :]]), [Place(i - len(x), place.last)]
        return None

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, shape = args[0], self.shape.of(args)
        if 0 in shape and self.copy_zeros:
            shape = [n or x.shape[i] for i, n in enumerate(shape)]
        if -1 in shape and x.numel() == 0:  # torch cannot tell what is left of nothing
            rest = math.prod(n for n in shape if n != -1)
            shape = [n if n != -1 else x.numel() // rest if rest else 0 for n in shape]
        return x.reshape(shape)


def to_sizes(sizes: Sequence[int]) -> Reshape:
    """x as these sizes: one −1 is what is left, 0 copies."""
    shape = torch.tensor(sizes, dtype=torch.int64)
    return Reshape(OnnxNode("Reshape", 13, constants=(None, shape), dynamic=(True, False)))


def _elements(shape: Shape) -> int | None:
    known = [n for n in shape if n is not None]
    return math.prod(known) if len(known) == len(shape) else None


class Flatten(Renaming):
    """x as a matrix: the axes before `axis` are the rows."""

    onnx = {"Flatten": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis = node.attr("axis", 1)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        a = positive_axis(self.axis, x.dim())
        return x.reshape(math.prod(x.shape[:a]), math.prod(x.shape[a:]))


class Squeeze(Renaming):
    """x without the axes of size 1 named (all of them where none is named)."""

    onnx = {"Squeeze": 1}

    def __init__(self, node: OnnxNode) -> None:
        axes = Ints(node, "axes", 1)
        super().__init__(node, axes)
        self.axes = axes

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        axes = self.axes.of(args)
        return args[0].squeeze() if axes is None else args[0].squeeze(axes)


class Unsqueeze(Renaming):
    """x with axes of size 1 put in; `axes` count in the result."""

    onnx = {"Unsqueeze": 1}

    def __init__(self, node: OnnxNode) -> None:
        axes = Ints(node, "axes", 1)
        super().__init__(node, axes)
        self.axes = axes

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, axes = args[0], self.axes.of(args)
        if len(axes) == 1:
            return x.unsqueeze(axes[0])
        rank = x.dim() + len(axes)
        for a in sorted(positive_axis(a, rank) for a in axes):
            x = x.unsqueeze(a)
        return x
