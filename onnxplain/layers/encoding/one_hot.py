"""OneHotEncoder: 1 at the category that an element is, along a new last axis."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..elementwise.slopes import jump_slope
from ..kinds import Elementwise, Integer


class OneHotEncoder(Integer):
    """[x = category] for integers and text: where such an input is explained. An element that is no category is all
    zeros, or, with `zeros=0`, an error."""

    onnx = {"ai.onnx.ml:OneHotEncoder": 1}
    categories: Tensor

    def __init__(self, categories: Tensor, zeros: bool, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("categories", categories)
        self.zeros, self.dtype = zeros, dtype

    @classmethod
    def build(cls, node: OnnxNode) -> OneHotEncoder | None:
        categories = node.attr("cats_strings") or node.attr("cats_int64s")
        if node.is_floating(0) or not categories:
            return None
        return cls(torch.tensor(categories), bool(node.attr("zeros", 1)), node.dtype)

    @property
    def known(self) -> Tensor:
        return self.categories

    def forward(self, x: Tensor) -> Tensor:
        hot = x[..., None] == self.categories
        if not self.zeros and not bool(hot.any(-1).all()):
            raise ValueError(f"{int((~hot.any(-1)).sum())} elements are none of its {len(self.categories)} categories")
        return hot.to(self.dtype)


class Indicator(Elementwise):
    """[x without its fraction = category] for floating x, against which the categories broadcast: a OneHotEncoder of
    numbers, once they have a last axis of 1. Not an operator of ONNX: what such an encoder is written as."""

    onnx = {"onnxplain:Indicator": 1}
    categories: Tensor

    def __init__(self, categories: Tensor) -> None:
        super().__init__()
        self.register_buffer("categories", categories)

    @classmethod
    def build(cls, node: OnnxNode) -> Indicator | None:
        categories = node.attr("categories")
        return cls(torch.tensor(categories)) if node.is_floating(0) and categories else None

    def forward(self, x: Tensor) -> Tensor:
        return (x.long() == self.categories).to(x.dtype)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.zeros_like(y)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return jump_slope(y == y0, 0.0, x, x0, y, y0)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True
