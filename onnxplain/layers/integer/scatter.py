"""ScatterElements and ScatterND on integers, where they multiply or keep the largest or smallest."""

from __future__ import annotations

from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from ..routing.indices import targets

_REDUCE = {"mul": "prod", "max": "amax", "min": "amin"}


class IntegerScatter(Integer):
    """Each element with all updates that go there."""

    onnx = {"ScatterElements": 16, "ScatterND": 16}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.op, self.axis, self.reduce = node.op, int(node.attr("axis", 0)), _REDUCE[node.attr("reduction")]

    @classmethod
    def build(cls, node: OnnxNode) -> IntegerScatter | None:
        return cls(node) if node.attr("reduction") in _REDUCE and not node.is_floating(0) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        x, index, updates = self.full(inputs)
        at = targets(self.op, index, x.shape, self.axis)
        return x.reshape(-1).scatter_reduce(0, at, updates.reshape(-1), self.reduce).reshape(x.shape)
