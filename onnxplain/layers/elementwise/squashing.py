"""Sigmoid and tanh."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from .backed import Backed
from .slopes import sigmoid_slope, tanh_slope


class Sigmoid(Backed):
    """1/(1 + e^−x); its derivative is y (1 − y)."""

    onnx = {"Sigmoid": 6}
    kernel = torch.ops.aten.sigmoid_backward
    adjoint_reads = frozenset({"outputs"})

    @classmethod
    def build(cls, node: OnnxNode) -> Sigmoid:
        return cls()

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return sigmoid_slope(x, x0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True


class Tanh(Backed):
    """(e^x − e^−x)/(e^x + e^−x); its derivative is 1 − y²."""

    onnx = {"Tanh": 6}
    kernel = torch.ops.aten.tanh_backward
    adjoint_reads = frozenset({"outputs"})

    @classmethod
    def build(cls, node: OnnxNode) -> Tanh:
        return cls()

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return tanh_slope(x, x0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]
