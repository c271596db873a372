"""A value that is held fixed: what it was computed from is not explained through it."""

from __future__ import annotations

from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer


class Hold(Integer):
    """x, without relevance: rows of a table of angles, say, which whole numbers choose. No file holds this operator;
    operators that are written out as others may."""

    onnx = {"onnxplain:Hold": 1}

    @classmethod
    def build(cls, node: OnnxNode) -> Hold:
        return cls(node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.full(inputs)
        return x
