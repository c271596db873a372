"""Binarizer: 1 above a threshold."""

from __future__ import annotations

from torch import Tensor

from ..base import OnnxNode
from ..elementwise.slopes import jump_slope
from ..kinds import Elementwise, Integer
from .single import single


class Binarizer(Elementwise):
    """[x > threshold]: a step, whose derivative is 0 and whose slope over the jump is not."""

    onnx = {"ai.onnx.ml:Binarizer": 1}

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    @classmethod
    def build(cls, node: OnnxNode) -> Binarizer | None:
        return cls(float(node.attr("threshold", 0.0))) if node.is_floating(0) else None

    def forward(self, x: Tensor) -> Tensor:
        return (single(x) > self.threshold).to(x.dtype)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return y.new_zeros(y.shape)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return jump_slope(y == y0, 0.0, x, x0, y, y0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True


class IntegerBinarizer(Integer):
    """[x > threshold] for integers."""

    onnx = {"ai.onnx.ml:Binarizer": 1}

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    @classmethod
    def build(cls, node: OnnxNode) -> IntegerBinarizer | None:
        return None if node.is_floating(0) else cls(float(node.attr("threshold", 0.0)))

    def forward(self, x: Tensor) -> Tensor:
        return (x > self.threshold).to(x.dtype)
