"""Shapes, and values made from shapes: Shape, Size, ConstantOfShape, Range, EyeLike."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from ..parameters import Ints, dtype_of, unread


class Shape(Integer):
    """The sizes of x's axes from `start` to `end`."""

    onnx = {"Shape": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.part = slice(node.attr("start", 0), node.attr("end"))

    @classmethod
    def build(cls, node: OnnxNode) -> Shape:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        return torch.tensor(x.shape[self.part], dtype=torch.int64, device=x.device)


class Size(Integer):
    """The number of x's elements."""

    onnx = {"Size": 1}

    @classmethod
    def build(cls, node: OnnxNode) -> Size:
        return cls(node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        return torch.tensor(x.numel(), dtype=torch.int64, device=x.device)


class ConstantOfShape(Integer):
    """One number (0 where none is given) in a shape computed at run time."""

    onnx = {"ConstantOfShape": 9}
    value: Tensor

    def __init__(self, node: OnnxNode) -> None:
        shape = Ints(node, "shape", 0)
        super().__init__(*unread(node, (shape,)))
        self.shape = shape
        value = node.attr("value")
        self.register_buffer("value", torch.zeros((), dtype=node.dtype) if value is None else value.reshape(-1)[0])

    @classmethod
    def build(cls, node: OnnxNode) -> ConstantOfShape:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.value.expand(self.shape.of(self.full(inputs)))

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return bool(self.value >= 0)


class Range(Integer):
    """start, start + delta, … before limit."""

    onnx = {"Range": 11}

    @classmethod
    def build(cls, node: OnnxNode) -> Range:
        return cls(node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> Tensor:
        start, limit, delta = (v.reshape(()) for v in self.full(inputs))
        n = max(math.ceil((limit.tolist() - start.tolist()) / delta.tolist()), 0)
        return (start + torch.arange(n, device=start.device) * delta).to(start.dtype)


class EyeLike(Integer):
    """Ones on diagonal k of a matrix of x's shape."""

    onnx = {"EyeLike": 9}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.k = int(node.attr("k", 0))
        self.dtype = None if node.attr("dtype") is None else dtype_of(node.attr("dtype"), node)

    @classmethod
    def build(cls, node: OnnxNode) -> EyeLike:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        x = self.full(inputs)[0]
        rows, columns = (torch.arange(n, device=x.device) for n in x.shape)
        return (columns - rows[:, None] == self.k).to(self.dtype or x.dtype)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True
