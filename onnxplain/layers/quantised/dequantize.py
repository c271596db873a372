"""Dequantisation: steps, counted from a zero point, to floating numbers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..base import Layer, OnnxNode
from ..kinds import Elementwise, Integer
from ..parameters import given
from ..settling import Settling
from .grid import Along
from .quantize import Quantize, along_of
from .unrounded import Unrounded


class Dequantize(Elementwise):
    """y = (q − z) · s, s and z constant.

    Elementwise, and not Affine, so that z is no bias: the number that q stands for is q − z, and all relevance is its.
    """

    onnx = {"DequantizeLinear": 10, "com.microsoft:DequantizeLinear": 1}
    adjoint_reads = frozenset()
    s: Tensor
    z: Tensor | None

    def __init__(self, scale: Tensor, zero_point: Tensor | None, along: Along | None = None) -> None:
        super().__init__()
        self.register_buffer("s", scale)
        self.register_buffer("z", None if zero_point is None else zero_point.to(scale.dtype))
        self.along = along or Along()

    @classmethod
    def build(cls, node: OnnxNode) -> Dequantize | None:
        scale = node.constant(1)
        if not node.only_dynamic(0) or not node.is_floating(0) or scale is None:
            return None
        return cls(scale, node.constant(2), along_of(node))

    def forward(self, q: Tensor) -> Tensor:
        from_zero = q if self.z is None else q - self.along.spread(self.z, q)
        return from_zero * self.along.spread(self.s, q)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.along.spread(self.s, x)

    def gain(self, x: Tensor) -> Tensor:
        return self.along.spread(self.s, x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.derivative(x, y).expand_as(y)

    def without_rounding(self, before: Layer | None) -> Elementwise | None:
        return Unrounded(_Both(before, self)) if isinstance(before, Quantize) else None

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] and bool((self.s >= 0).all()) and (self.z is None or not bool(self.z.any()))


@dataclass(frozen=True)
class _Both:
    """A quantisation and the dequantisation behind it."""

    first: Quantize
    second: Dequantize

    def unrounded(self, x: Tensor) -> Tensor:
        return self.second.forward(self.first.unrounded(x))

    def gain(self, x: Tensor) -> Tensor:
        return self.first.gain(x) * self.second.gain(x)


class DequantizeBy(Settling, Elementwise):
    """`Dequantize` by a scale or a zero point that is computed at run time."""

    onnx = {"DequantizeLinear": 10, "com.microsoft:DequantizeLinear": 1}


class DequantizeIntegers(Integer):
    """(q − z) · s of integers that nothing floating was rounded to: stored weights, the bytes of a picture."""

    onnx = {"DequantizeLinear": 10, "com.microsoft:DequantizeLinear": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.dtype, self.along = node.dtype, along_of(node)

    @classmethod
    def build(cls, node: OnnxNode) -> DequantizeIntegers | None:
        return None if node.is_floating(0) else cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        return Dequantize(args[1], given(args, 2), self.along).forward(args[0].to(self.dtype))
