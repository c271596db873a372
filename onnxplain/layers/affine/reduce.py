"""Sums and means over axes."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part
from ..settling import Settling
from ..shapes import positive_axis


def number_part(v: float, part: Part) -> float:
    """The part of a matrix all of whose entries are v (or none) that a rule asks for, as a factor."""
    return {"all": v, "positive": max(v, 0.0), "negative": min(v, 0.0), "square": v * v, "absolute": abs(v), "ones": 1.0}[part]


class Reduce(Affine):
    """y = Σ x over `axes`, or their mean. Without axes: over all of them from axis `kept` on."""

    onnx = {"ReduceSum": 1, "ReduceMean": 1, "GlobalAveragePool": 1}
    family = "average"

    def __init__(self, mean: bool, axes: tuple[int, ...] | None = None, keepdims: bool = True, kept: int = 0) -> None:
        super().__init__()
        self.mean = mean
        self.axes = axes
        self.keepdims = keepdims
        self.kept = kept

    @classmethod
    def build(cls, node: OnnxNode) -> Reduce | None:
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        if node.op == "GlobalAveragePool":
            return cls(mean=True, kept=2)
        axes = node.ints("axes", 1, [])
        everything = not axes and not node.attr("noop_with_empty_axes", 0)
        return cls(node.op == "ReduceMean", None if everything else tuple(axes), bool(node.attr("keepdims", 1)))

    def _axes(self, rank: int) -> list[int]:
        if self.axes is None:
            return list(range(self.kept, rank))
        return sorted({positive_axis(a, rank) for a in self.axes})

    def _factor(self, shape: torch.Size, axes: list[int], part: Part) -> float:
        n = 1
        for a in axes:
            n *= shape[a]
        return number_part(1 / max(n, 1) if self.mean else 1.0, part)

    def forward(self, x: Tensor) -> Tensor:
        axes = self._axes(x.dim())
        if not axes:
            return x
        return x.mean(axes, self.keepdims) if self.mean else x.sum(axes, self.keepdims)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        axes = self._axes(x.dim())
        factor = self._factor(x.shape, axes, part)
        y = x.sum(axes, self.keepdims) if axes else x
        return y if factor == 1 else y * factor

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        axes = self._axes(like.dim())
        factor = self._factor(like.shape, axes, part)
        if factor != 1:
            r = r * factor
        if not self.keepdims:
            r = r.reshape(r.shape[0], *(1 if a in axes else n for a, n in enumerate(like.shape)))
        return r.expand(r.shape[0], *like.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


class DynamicReduce(Settling, Affine):
    """A sum or mean over axes that are computed at run time."""

    onnx = {"ReduceSum": 13, "ReduceMean": 18}
    keeps_sign = True
    family = "average"
