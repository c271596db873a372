"""ReduceMax, ReduceMin and GlobalMaxPool: the extreme element over whole axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints, unread
from ..shapes import positive_axis
from .single import Single

#: operator → the extreme over axes, and its place on one axis (first of ties)
_EXTREMES: dict[str, tuple[Callable[..., Tensor], Callable[..., Tensor]]] = {
    "ReduceMax": (torch.amax, torch.argmax),
    "ReduceMin": (torch.amin, torch.argmin),
    "GlobalMaxPool": (torch.amax, torch.argmax),
}


class ReduceExtreme(Single):
    """The largest (smallest) element over some axes; an index counts over those axes flattened."""

    onnx = {"ReduceMax": 1, "ReduceMin": 1, "GlobalMaxPool": 1}

    def __init__(self, node: OnnxNode) -> None:
        axes = Ints(node, "axes", 1)
        super().__init__(*unread(node, (axes,)))
        self.extreme, self.place_of = _EXTREMES[node.op]
        self.axes, self.spatial = axes, node.op == "GlobalMaxPool"
        self.keep = self.spatial or bool(node.attr("keepdims", 1))
        self.noop = bool(node.attr("noop_with_empty_axes", 0))

    @classmethod
    def build(cls, node: OnnxNode) -> ReduceExtreme | None:
        return cls(node) if node.is_floating(0) else None

    def reduced(self, args: Sequence[Any]) -> list[int]:
        rank = args[0].dim()
        if self.spatial:
            return list(range(2, rank))
        axes = self.axes.of(args)
        if axes:
            return sorted(positive_axis(a, rank) for a in axes)
        return [] if self.noop else list(range(rank))

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        axes = self.reduced(args)
        return self.extreme(args[0], axes, self.keep) if axes else args[0]

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        args = self.full(inputs)
        axes = self.reduced(args)
        return self.place_of(columns(args[0], axes), -1).reshape(self.result_shape(args[0], axes))

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        args = self.full(inputs)
        table = columns(args[0], self.reduced(args))
        return table.gather(-1, index.reshape(*table.shape[:-1], 1)).reshape(index.shape)

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        x, axes = args[0], self.reduced(args)
        order = [a for a in range(x.dim()) if a not in axes] + axes
        kept = [x.shape[a] for a in order[: x.dim() - len(axes)]]
        zeros = r.new_zeros((r.shape[0], *kept, math.prod(x.shape[a] for a in axes)))
        put = zeros.scatter_add(-1, index.reshape(*kept, 1).expand(r.shape[0], *kept, 1), r.reshape(-1, *kept, 1))
        back = sorted(range(x.dim()), key=lambda i: order[i])
        return put.reshape(r.shape[0], *(x.shape[a] for a in order)).permute(0, *(1 + i for i in back))

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        args = self.full(inputs)
        axes = self.reduced(args)
        return args[0].sum(axes, keepdim=self.keep) if axes else args[0]

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        x, axes = args[0], self.reduced(args)
        ones = [1 if a in axes else n for a, n in enumerate(x.shape)]
        return r.reshape(r.shape[0], *ones).expand(r.shape[0], *x.shape)

    def result_shape(self, x: Tensor, axes: Sequence[int]) -> list[int]:
        if self.keep:
            return [1 if a in axes else n for a, n in enumerate(x.shape)]
        return [n for a, n in enumerate(x.shape) if a not in axes]


def columns(x: Tensor, axes: Sequence[int]) -> Tensor:
    """x with the axes named flattened into one, the last."""
    kept = [a for a in range(x.dim()) if a not in axes]
    n = math.prod(x.shape[a] for a in axes)
    return x.permute(*kept, *axes).reshape(*(x.shape[a] for a in kept), n)
