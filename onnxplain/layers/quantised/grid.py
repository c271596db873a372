"""The numbers that an element type of few bits can hold, and where a scale lies along a value's axes."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

#: to which of two neighbours a number goes: "even", the nearer one, of two as near the even one; "nearest": the upper one
ROUNDINGS: dict[str, Callable[[Tensor], Tensor]] = {
    "even": torch.round,
    "nearest": lambda x: (x + 0.5).floor(),
    "up": torch.ceil,
    "down": torch.floor,
}


@dataclass(frozen=True)
class Grid:
    """Whole numbers from `low` to `high`; or, with `mantissa` bits, floating ones whose smallest normal is 2^`least`.

    One that has no sign takes |x|. `beyond`: what larger numbers than `high` become, where not `high`.
    """

    low: float
    high: float
    mantissa: int | None = None
    least: int = 0
    rounding: str = "even"
    beyond: float | None = None

    def nearest(self, x: Tensor) -> Tensor:
        """The number of unlimited range that x is rounded to."""
        rounded = ROUNDINGS[self.rounding]
        if self.mantissa is None:
            return rounded(x)
        x = x.abs() if self.low > 0 else x
        exponent = torch.frexp(x).exponent - 1
        step = torch.ldexp(torch.ones_like(x), exponent.clamp(min=self.least) - self.mantissa)
        return rounded(x / step) * step

    def held(self, x: Tensor) -> Tensor:
        """x, cut off where the type ends."""
        end = x.clamp(self.low, self.high)
        return end if self.beyond is None else torch.where(x.abs() > self.high, x.sign() * self.beyond, end)

    def open(self) -> Grid:
        """The same without saturation: what is too large is infinite where the type has that, else no number."""
        return replace(self, beyond=math.inf if self == GRIDS[19] else math.nan)


def _whole(bits: int, signed: bool) -> Grid:
    return Grid(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else Grid(0, 2**bits - 1)


def _minifloat(high: float, mantissa: int, least: int) -> Grid:
    return Grid(-high, high, mantissa, least)


#: ONNX element type → what it holds
GRIDS: dict[int, Grid] = {
    2: _whole(8, False),
    3: _whole(8, True),
    4: _whole(16, False),
    5: _whole(16, True),
    21: _whole(4, False),
    22: _whole(4, True),
    25: _whole(2, False),
    26: _whole(2, True),
    17: _minifloat(448, 3, -6),  # float8e4m3fn
    18: _minifloat(240, 3, -7),  # float8e4m3fnuz
    19: _minifloat(57344, 2, -14),  # float8e5m2
    20: _minifloat(57344, 2, -15),  # float8e5m2fnuz
    23: _minifloat(6, 1, 0),  # float4e2m1
    24: Grid(2.0**-127, 2.0**127, 0, -127, "up"),  # float8e8m0: powers of two
}
_OF_DTYPE = {torch.uint8: 2, torch.int8: 3, torch.uint16: 4, torch.int16: 5}


def grid_of(element: int | None, zero_point: Tensor | None) -> Grid | None:
    """Of the element type named; failing that of the zero point's, or of unsigned bytes. None: it has no grid here."""
    if element:
        return GRIDS.get(element)
    return GRIDS[2] if zero_point is None else GRIDS.get(_OF_DTYPE.get(zero_point.dtype, 0))


@dataclass(frozen=True)
class Along:
    """Where scales and zero points lie: one for all, one per place on `axis`, or one per `block` of places there.

    Several with more than one axis broadcast as they are.
    """

    axis: int = 1
    block: int = 0

    def spread(self, p: Tensor, x: Tensor) -> Tensor:
        """p, so that it broadcasts against x."""
        if self.block:
            return p.repeat_interleave(self.block, self.axis).narrow(self.axis, 0, x.shape[self.axis])
        if p.numel() == 1:
            return p.reshape(())
        if p.dim() > 1:
            return p
        shape = [1] * x.dim()
        shape[self.axis] = -1
        return p.reshape(shape)
