"""Cast and CastLike where one side is not floating."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from ..parameters import dtype_of


class Convert(Integer):
    """x in another type: integers and truth values to numbers, numbers cut off to integers, ≠ 0 to truth values."""

    onnx = {"Cast": 6, "CastLike": 15}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.dtype: torch.dtype | None = None if node.op == "CastLike" else dtype_of(node.attr("to"), node)

    @classmethod
    def build(cls, node: OnnxNode) -> Convert | None:
        if node.op == "Cast" and dtype_of(node.attr("to"), node) is None:
            return None
        floats = node.is_floating(1) if node.op == "CastLike" else dtype_of(node.attr("to"), node) == node.dtype
        return None if floats and node.is_floating(0) else cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        return args[0].to(self.dtype or args[1].dtype)
