"""Where something is: ArgMax, ArgMin, NonZero."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer


class ArgExtreme(Integer):
    """The place of the largest (smallest) element along an axis; of ties the first, or the last if asked for."""

    onnx = {"ArgMax": 1, "ArgMin": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.function = torch.argmax if node.op == "ArgMax" else torch.argmin
        self.axis, self.keep = int(node.attr("axis", 0)), bool(node.attr("keepdims", 1))
        self.last = bool(node.attr("select_last_index", 0))

    @classmethod
    def build(cls, node: OnnxNode) -> ArgExtreme:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        if self.last:
            return x.shape[self.axis] - 1 - self.function(x.flip(self.axis), self.axis, self.keep)
        return self.function(x, self.axis, self.keep)


class NonZero(Integer):
    """The places of all elements ≠ 0, one column each, in row-major order."""

    onnx = {"NonZero": 9}

    @classmethod
    def build(cls, node: OnnxNode) -> NonZero:
        return cls(node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        return (x.reshape(1) if x.dim() == 0 else x).nonzero().T
