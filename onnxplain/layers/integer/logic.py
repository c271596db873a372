"""Comparisons, logic and arithmetic on bits."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer

_FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "Equal": torch.eq,
    "Less": torch.lt,
    "LessOrEqual": torch.le,
    "Greater": torch.gt,
    "GreaterOrEqual": torch.ge,
    "And": torch.logical_and,
    "Or": torch.logical_or,
    "Xor": torch.logical_xor,
    "Not": torch.logical_not,
    "BitwiseAnd": torch.bitwise_and,
    "BitwiseOr": torch.bitwise_or,
    "BitwiseXor": torch.bitwise_xor,
    "BitwiseNot": torch.bitwise_not,
    "IsNaN": torch.isnan,
}


class Logic(Integer):
    """A torch function of the same meaning, with broadcasting."""

    onnx = {
        **dict.fromkeys(("Equal", "Less", "Greater", "And", "Or", "Xor"), 7),
        **dict.fromkeys(("LessOrEqual", "GreaterOrEqual"), 12),
        **dict.fromkeys(("BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitwiseNot"), 18),
        "Not": 1,
        "IsNaN": 9,
    }

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.function = _FUNCTIONS[node.op]

    @classmethod
    def build(cls, node: OnnxNode) -> Logic:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*self.full(inputs))


class IsInf(Integer):
    """x = +∞ or −∞, either of which may be switched off."""

    onnx = {"IsInf": 10}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.positive, self.negative = bool(node.attr("detect_positive", 1)), bool(node.attr("detect_negative", 1))

    @classmethod
    def build(cls, node: OnnxNode) -> IsInf:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        return (x.isposinf() & self.positive) | (x.isneginf() & self.negative)


class BitShift(Integer):
    """x shifted by y bits, to the left or right."""

    onnx = {"BitShift": 11}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.left = node.attr("direction") == "LEFT"

    @classmethod
    def build(cls, node: OnnxNode) -> BitShift:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        x, y = self.full(inputs)
        return torch.bitwise_left_shift(x, y) if self.left else torch.bitwise_right_shift(x, y)
