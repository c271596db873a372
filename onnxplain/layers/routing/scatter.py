"""ScatterElements and ScatterND: x with some elements replaced by, or increased by, updates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import Cotangents, OnnxNode, Pulled
from ..shapes import lift
from .indices import row_numbers, wrapped
from .moving import Moving


class ScatterElements(Moving):
    """y = x with y[…, index[…, j, …], …] = (or +=) updates[…, j, …] on `axis`."""

    onnx = {"ScatterElements": 11, "Scatter": 9}
    data = (0, 2)

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis, self.adds = int(node.attr("axis", 0)), node.attr("reduction", "none") == "add"

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        return node.attr("reduction", "none") in ("none", "add")

    def forward(self, *inputs: Tensor) -> Tensor:
        x, index, updates = self.full(inputs)
        index = wrapped(index, x.shape[self.axis])
        put = x.scatter_add if self.adds else x.scatter
        return put(self.axis, index, updates)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, index, _ = args
        if i == 0 and self.adds:
            return g
        a = lift(self.axis, x.dim())
        index = wrapped(index, x.shape[self.axis]).expand(g.shape[0], *index.shape)
        return g.scatter(a, index, 0.0) if i == 0 else g.gather(a, index)


class ScatterND(Moving):
    """y = x with y[index tuple] = (or +=) the slice of updates that belongs to it."""

    onnx = {"ScatterND": 11}
    data = (0, 2)
    counts_samples = True

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.adds = node.attr("reduction", "none") == "add"

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        return node.attr("reduction", "none") in ("none", "add")

    def forward(self, *inputs: Tensor) -> Tensor:
        x, index, updates = self.full(inputs)
        rows, n, width = row_numbers(index, x.shape)
        table = x.reshape(n, width)
        put = table.index_add if self.adds else table.index_copy
        return put(0, rows, updates.reshape(-1, width)).reshape(x.shape)

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        g = cotangents[0]
        if g is None:
            return (None,) * len(inputs)
        x, index, updates = self.full(inputs)
        rows, n, width = row_numbers(index, x.shape)
        table = g.reshape(g.shape[0], n, width)
        pulled: dict[int, Tensor] = {}
        if 0 in self.slots:
            pulled[0] = g if self.adds else table.index_fill(1, rows, 0.0).reshape(g.shape)
        if 2 in self.slots:
            pulled[2] = table.index_select(1, rows).reshape(g.shape[0], *updates.shape)
        return tuple(pulled.get(s) for s in self.slots)
