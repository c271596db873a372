"""Imputer: a number in the place of a missing one."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import OnnxNode
from ..elementwise.slopes import quotient
from ..kinds import Elementwise, Integer


class Imputer(Elementwise):
    """The imputed value where x is NaN (or the value that stands for missing), else x."""

    onnx = {"ai.onnx.ml:Imputer": 1}
    values: Tensor

    def __init__(self, values: Tensor, replaced: float) -> None:
        super().__init__()
        self.register_buffer("values", values)
        self.replaced = replaced
        self.fills = math.isnan(replaced)

    @classmethod
    def build(cls, node: OnnxNode) -> Imputer | None:
        values = node.attr("imputed_value_floats")
        if not values or not node.is_floating(0):
            return None
        return cls(torch.tensor(values, dtype=node.dtype), float(node.attr("replaced_value_float", 0.0)))

    def missing(self, x: Tensor) -> Tensor:
        return x.isnan() if math.isnan(self.replaced) else x == self.replaced

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(self.missing(x), self.values, x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return (~self.missing(x)).to(x.dtype)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        same = self.missing(x) == self.missing(x0)
        return torch.where(same, self.derivative(x, y), quotient(y - y0, x - x0, 0.0))


class IntegerImputer(Integer):
    """The imputed value where x is the integer that stands for missing."""

    onnx = {"ai.onnx.ml:Imputer": 1}
    values: Tensor

    def __init__(self, values: Tensor, replaced: int) -> None:
        super().__init__()
        self.register_buffer("values", values)
        self.replaced = replaced

    @classmethod
    def build(cls, node: OnnxNode) -> IntegerImputer | None:
        values = node.attr("imputed_value_int64s")
        if not values or node.is_floating(0):
            return None
        return cls(torch.tensor(values), int(node.attr("replaced_value_int64", 0)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.where(x == self.replaced, self.values, x)
