"""Optional values: tensors and sequences that may be missing where they are inputs of the model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from .moving import Moving


class Optional(Moving):
    """x, as a value that might have been missing."""

    onnx = {"Optional": 15, "OptionalGetElement": 15}
    steered = False

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        return node.has(0)

    def forward(self, *inputs: Any) -> Any:
        return self.full(inputs)[0]

    def pull(self, g: Tensor, i: int, args: Any) -> Tensor:
        return g


class OptionalHasElement(Integer):
    """True where there is an input at all, and it is not None."""

    onnx = {"OptionalHasElement": 15}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.there = node.has(0)

    @classmethod
    def build(cls, node: OnnxNode) -> OptionalHasElement:
        return cls(node)

    def forward(self, *inputs: Any) -> Tensor:
        return torch.tensor(self.there and self.full(inputs)[0] is not None)
