"""Reducing: a Pooling layer over whole axes of one value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints, unread
from ..shapes import positive_axis
from .single import Single


class Reducing(Single):
    """Pooling over `axes`, given as an attribute, a constant or a computed input; without axes over all of them, or,
    with `noop_with_empty_axes`, over none. Global pooling operators take all spatial axes.

    A subclass gives `forward`, `winners`, `pick` and `put`.
    """

    def __init__(self, node: OnnxNode) -> None:
        axes = Ints(node, "axes", 1)
        super().__init__(*unread(node, (axes,)))
        self.axes, self.spatial = axes, node.op.startswith("Global")
        self.keep = self.spatial or bool(node.attr("keepdims", 1))
        self.noop = bool(node.attr("noop_with_empty_axes", 0))

    @classmethod
    def build(cls, node: OnnxNode) -> Reducing | None:
        return cls(node) if node.is_floating(0) else None

    def reduced(self, args: Sequence[Any]) -> list[int]:
        rank = args[0].dim()
        if self.spatial:
            return list(range(2, rank))
        axes = self.axes.of(args)
        if axes:
            return sorted(positive_axis(a, rank) for a in axes)
        return [] if self.noop else list(range(rank))

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        args = self.full(inputs)
        axes = self.reduced(args)
        return args[0].sum(axes, keepdim=self.keep) if axes else args[0]

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        x, axes = args[0], self.reduced(args)
        return widened(r, x, axes).expand(r.shape[0], *x.shape)

    def result_shape(self, x: Tensor, axes: Sequence[int]) -> list[int]:
        if self.keep:
            return [1 if a in axes else n for a, n in enumerate(x.shape)]
        return [n for a, n in enumerate(x.shape) if a not in axes]


def widened(r: Tensor, x: Tensor, axes: Sequence[int]) -> Tensor:
    """r (T, *result) with the reduced axes of x put back in, as ones."""
    return r.reshape(r.shape[0], *(1 if a in axes else n for a, n in enumerate(x.shape)))


def columns(x: Tensor, axes: Sequence[int]) -> Tensor:
    """x with the axes named flattened into one, the last."""
    kept = [a for a in range(x.dim()) if a not in axes]
    n = math.prod(x.shape[a] for a in axes)
    return x.permute(*kept, *axes).reshape(*(x.shape[a] for a in kept), n)
