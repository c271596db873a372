"""Cast and CastLike where the result is not floating, or what is cast is not."""

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


#: ONNX's integer types of 4 and 2 bits → (bits, what holds them)
_FEW: dict[int, tuple[int, torch.dtype]] = {
    21: (4, torch.uint8),
    22: (4, torch.int8),
    25: (2, torch.uint8),
    26: (2, torch.int8),
}


class ConvertToFew(Integer):
    """x cut off to an integer, of which the lowest bits are kept."""

    onnx = {"Cast": 6}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.bits, self.dtype = _FEW[node.attr("to")]

    @classmethod
    def build(cls, node: OnnxNode) -> ConvertToFew | None:
        return cls(node) if node.attr("to") in _FEW else None

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.full(inputs)
        whole = torch.where(x.isfinite(), x, 0).long()
        half = 0 if self.dtype == torch.uint8 else 2 ** (self.bits - 1)
        return ((whole + half).remainder(2**self.bits) - half).to(self.dtype)
