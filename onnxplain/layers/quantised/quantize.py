"""Quantisation: a floating value rounded to whole numbers of steps, or to a float of 8 bits."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from ..base import Layer, OnnxNode
from ..elementwise.slopes import quotient
from ..kinds import Elementwise
from ..settling import Settling
from .grid import GRIDS, Along, Grid, grid_of
from .unrounded import Unrounded


class Quantize(Elementwise):
    """y = min(max(round(x / s) + z, low), high), s and z constant; the even one of two as near. Carried as floating numbers.

    Straight through: y′ = 1/s, and 0 where y is cut off (Bengio et al. 2013). `inverse`: s holds 1/s. `together`:
    round(x / s + z), which differs in ties where z is odd. A cast to a float of few bits is one with s = 1.
    """

    onnx = {"QuantizeLinear": 10, "com.microsoft:QuantizeLinear": 1, "Cast": 19}
    adjoint_reads = frozenset({"inputs"})
    rounds = True
    s: Tensor
    z: Tensor | None

    def __init__(
        self,
        scale: Tensor,
        zero_point: Tensor | None,
        grid: Grid,
        along: Along | None = None,
        inverse: bool = False,
        together: bool = False,
    ) -> None:
        super().__init__()
        self.register_buffer("s", scale)
        self.register_buffer("z", None if zero_point is None else zero_point.to(scale.dtype))
        self.grid, self.along, self.inverse, self.together = grid, along or Along(), inverse, together

    @classmethod
    def build(cls, node: OnnxNode) -> Quantize | None:
        scale, zero_point = node.constant(1), node.constant(2)
        grid = grid_of(node.attr("output_dtype"), zero_point)
        if node.op == "Cast":
            scale, grid = torch.ones((), dtype=node.dtype), GRIDS.get(node.attr("to"))
            if grid is None or grid.mantissa is None:
                return None  # a cast to whole numbers cuts off, and is no quantisation
            if grid.low > 0:
                grid = replace(grid, rounding=node.attr("round_mode", "up"))
        if not node.only_dynamic(0) or not node.is_floating(0) or scale is None or grid is None:
            return None
        if grid.mantissa is not None and not node.attr("saturate", 1):
            grid = grid.open()
        options = bool(node.attr("inverse", 0)), bool(node.attr("together", 0))
        return cls(scale, zero_point, grid, along_of(node), *options)

    def steps(self, x: Tensor) -> Tensor:
        """x in steps from 0, before it is rounded."""
        s = self.along.spread(self.s, x)
        return x * s if self.inverse else x / s

    def zero(self, x: Tensor) -> Tensor | float:
        return 0.0 if self.z is None else self.along.spread(self.z, x)

    def unrounded(self, x: Tensor) -> Tensor:
        return self.steps(x) + self.zero(x)

    def rounded(self, x: Tensor) -> Tensor:
        """y as it would be in a type without an end."""
        steps, z = self.steps(x), self.zero(x)
        return self.grid.nearest(steps + z) if self.together else self.grid.nearest(steps) + z

    def forward(self, x: Tensor) -> Tensor:
        return self.grid.held(self.rounded(x))

    def inside(self, x: Tensor) -> Tensor:
        """Where y is not cut off."""
        y = self.rounded(x)
        return (y >= self.grid.low) & (y <= self.grid.high)

    def gain(self, x: Tensor) -> Tensor:
        s = self.along.spread(self.s, x)
        return s if self.inverse else 1 / s

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return torch.where(self.inside(x), self.gain(x), 0.0)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        # Δy/Δx however close: between two steps it is 0, over a step as large as it must be
        return quotient(y - y0, x - x0, self.derivative(x, y))

    def rounding(self, x: Tensor, y: Tensor) -> Tensor:
        """What rounding alone added to y."""
        return y - self.grid.held(self.unrounded(x))

    def without_rounding(self, before: Layer | None) -> Elementwise | None:
        return Unrounded(self)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        positive = bool((self.s > 0).all())
        return self.grid.low >= 0 or (inputs[0] and positive and (self.z is None or bool((self.z >= 0).all())))


class QuantizeBy(Settling, Elementwise):
    """`Quantize` by a scale or a zero point that is computed at run time, as dynamic quantisation does."""

    onnx = {"QuantizeLinear": 10, "com.microsoft:QuantizeLinear": 1}
    rounds = True


def along_of(node: OnnxNode) -> Along:
    return Along(int(node.attr("axis", 1)), int(node.attr("block_size", 0)))
