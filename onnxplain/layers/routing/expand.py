"""Expand and Tile: elements repeated; the transpose adds the copies up."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints
from ..shapes import sum_to
from .moving import Moving


class Expand(Moving):
    """x broadcast against `shape`, both ways."""

    onnx = {"Expand": 8}
    steered = False

    def __init__(self, node: OnnxNode) -> None:
        shape = Ints(node, "shape", 1)
        super().__init__(node, shape)
        self.shape = shape

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, shape = args[0], self.shape.of(args)
        rank = max(x.dim(), len(shape))
        wanted = [1] * (rank - len(shape)) + shape
        return x.expand([n if m == 1 else m for n, m in zip([1] * (rank - x.dim()) + [*x.shape], wanted, strict=True)])

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return sum_to(g, args[0].shape)


class Tile(Moving):
    """x repeated `repeats` times on each axis."""

    onnx = {"Tile": 6}
    steered = False

    def __init__(self, node: OnnxNode) -> None:
        repeats = Ints(node, "repeats", 1)
        super().__init__(node, repeats)
        self.repeats = repeats

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        return args[0].repeat(self.repeats.of(args))

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        split = [m for big, n in zip(g.shape[1:], args[0].shape, strict=True) for m in (big // max(n, 1), n)]
        return g.reshape(g.shape[0], *split).sum(list(range(1, 1 + len(split), 2))) if split else g
