"""Sums and products of integers, as shape arithmetic has them; they carry no relevance."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from ..shapes import positive_axis
from .cumsum import running_sum


class IntegerSum(Integer):
    """ReduceSum, ReduceProd or CumSum on integers, in their own type."""

    onnx = {"ReduceSum": 1, "ReduceProd": 1, "CumSum": 11}

    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__((), (True,))
        self.f = f

    @classmethod
    def build(cls, node: OnnxNode) -> IntegerSum | None:
        if not node.only_dynamic(0) or node.is_floating(0):
            return None
        if node.op == "CumSum":
            axis = node.ints("axis", 1)[0]
            exclusive, reverse = bool(node.attr("exclusive", 0)), bool(node.attr("reverse", 0))
            return cls(lambda x: running_sum(x, positive_axis(axis, x.dim()), exclusive, reverse).to(x.dtype))
        axes, keepdims = node.ints("axes", 1, []), bool(node.attr("keepdims", 1))
        if not axes and node.attr("noop_with_empty_axes", 0):
            return cls(lambda x: x)
        if node.op == "ReduceProd":
            return cls(lambda x: _product(x, axes or range(x.dim()), keepdims))
        return cls(lambda x: x.sum(axes or list(range(x.dim())), keepdims, dtype=x.dtype))

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


def _product(x: Tensor, axes: Iterable[int], keepdims: bool) -> Tensor:
    for axis in sorted((positive_axis(a, x.dim()) for a in axes), reverse=True):
        x = x.prod(axis, keepdim=keepdims, dtype=x.dtype)
    return x
