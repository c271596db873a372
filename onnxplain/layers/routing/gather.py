"""Gather, GatherElements, GatherND: elements picked by index; the transpose adds up where one is picked repeatedly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import OnnxNode
from ..shapes import Place, lift, positive_axis, zeros_for
from .indices import row_numbers, wrapped
from .moving import Moving


class Gather(Moving):
    """Slices of x on `axis`, in the order of `indices` (an embedding look-up where x is a constant table)."""

    onnx = {"Gather": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis = int(node.attr("axis", 0))
        index = node.constant(1)
        self.one = int(index) if index is not None and index.dim() == 0 else None
        self.counted = index is not None and bool((index >= 0).all())  # nothing to count from the end

    def places(self, index: Tensor, n: int) -> Tensor:
        return (index if self.counted else wrapped(index, n)).reshape(-1)

    def reads_one(self, rank: int) -> Place | None:
        if self.constant_slots != (1,) or self.constant_1.numel() != 1 or (at := int(self.constant_1)) not in (0, -1):
            return None
        return Place(self.axis if self.axis < 0 else self.axis - rank, at == -1)

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, index = args[0], args[1]
        if self.one is not None:
            return x.select(self.axis, self.one)
        a = positive_axis(self.axis, x.dim())
        picked = x.index_select(a, self.places(index, x.shape[a]))
        return picked.reshape((*x.shape[:a], *index.shape, *x.shape[a + 1 :]))

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, index = args[0], args[1]
        a = lift(self.axis, x.dim())
        zeros = zeros_for(g, x)
        if self.one is not None:
            zeros.select(a, self.one).copy_(g)
            return zeros
        flat = g.reshape(*g.shape[:a], index.numel(), *g.shape[a + index.dim() :])
        return zeros.index_add(a, self.places(index, x.shape[a - 1]), flat)


class GatherElements(Moving):
    """y[…, j, …] = x[…, index[…, j, …], …] on `axis`."""

    onnx = {"GatherElements": 11}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis = int(node.attr("axis", 0))

    def forward(self, *inputs: Tensor) -> Tensor:
        x, index = self.full(inputs)
        return x.gather(self.axis, wrapped(index, x.shape[self.axis]))

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, index = args
        return zeros_for(g, x).scatter_add(
            lift(self.axis, x.dim()), wrapped(index, x.shape[self.axis]).expand(g.shape), g
        )


class GatherND(Moving):
    """Slices of x at the index tuples along the last axis of `indices`; the first `batch_dims` axes are shared."""

    onnx = {"GatherND": 11, "com.microsoft:GatherND": 1}
    counts_samples = True

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.batch = int(node.attr("batch_dims", 0))

    def forward(self, *inputs: Tensor) -> Tensor:
        x, index = self.full(inputs)
        rows, n, width = row_numbers(index, x.shape, self.batch)
        picked = x.reshape(n, width).index_select(0, rows)
        return picked.reshape((*index.shape[:-1], *x.shape[self.batch + index.shape[-1] :]))

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, index = args
        rows, n, width = row_numbers(index, x.shape, self.batch)
        table = g.new_zeros((g.shape[0], n, width))
        return table.index_add(1, rows, g.reshape(g.shape[0], -1, width)).reshape(g.shape[0], *x.shape)
