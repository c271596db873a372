"""The pooling operators on integers: the same results, carrying no relevance."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from .among import Among
from .max_pool import MaxPool
from .reduce import ReduceExtreme
from .top_k import TopK

_POOLINGS: dict[str, type[MaxPool | ReduceExtreme | Among | TopK]] = {
    op: pooling for pooling in (MaxPool, ReduceExtreme, Among, TopK) for op in pooling.onnx
}


class IntegerExtreme(Integer):
    """The largest or smallest of several integers, as the pooling layer of the operator computes it."""

    onnx = {op: pooling.onnx[op] for op, pooling in _POOLINGS.items()}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.like = _POOLINGS[node.op](node)

    @classmethod
    def build(cls, node: OnnxNode) -> IntegerExtreme | None:
        return None if node.is_floating(0) else cls(node)

    def forward(self, *inputs: Tensor) -> Any:
        return self.like.forward(*inputs)
