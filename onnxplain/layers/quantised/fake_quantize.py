"""Quantisation and dequantisation in one: a value beside the nearest that few bits can hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ..base import Layer
from ..elementwise.slopes import quotient
from ..kinds import Elementwise
from ..shapes import sum_to
from .dequantize import Dequantize, DequantizeBy
from .quantize import Quantize, QuantizeBy
from .unrounded import Unrounded


class FakeQuantize(Elementwise):
    """y = d(q(x)) of a quantisation q and a dequantisation d from the same zero point.

    `alone`: not with a scale measured on x, at which an unchanged x may be rounded otherwise.
    """

    adjoint_reads = frozenset({"inputs"})
    rounds = True

    def __init__(self, quantize: Quantize, dequantize: Dequantize, alone: bool = True) -> None:
        super().__init__()
        self.quantize, self.dequantize, self.alone = quantize, dequantize, alone

    def forward(self, x: Tensor) -> Tensor:
        return self.dequantize.forward(self.quantize.forward(x))

    def unrounded(self, x: Tensor) -> Tensor:
        return self.quantize.steps(x) * self.dequantize.gain(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.quantize.derivative(x, y) * self.dequantize.derivative(x, y)

    def gain(self, x: Tensor) -> Tensor:
        return self.quantize.gain(x) * self.dequantize.gain(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return quotient(y - y0, x - x0, self.derivative(x, y))

    def multipliers(self, r: Tensor, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        m = sum_to(r * self.slope(x, x0, y, y0), x.shape)
        return m if self.alone else m + self.others(r, x - x0, y - y0)

    def others(self, r: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
        """What unchanged elements are rounded otherwise by is the changed ones' doing, who set the scale: it is shared
        among them by |Δx|."""
        lost = (r * torch.where(dx == 0, dy, 0.0)).flatten(1).sum(1)  # (T,)
        share = quotient(dx.sign(), dx.abs().sum(), 0.0)
        return lost.reshape(-1, *(1,) * dx.dim()) * share

    def rounding(self, x: Tensor, y: Tensor) -> Tensor:
        """What rounding alone added to y; a range that was measured on x cuts nothing off."""
        return y - x if not self.alone else self.quantize.rounding(x, self.quantize.forward(x)) * self.dequantize.derivative(x, y)

    def without_rounding(self, before: Layer | None) -> Elementwise | None:
        return Unrounded(self) if self.alone else None

    @property
    def rectifying(self) -> bool:
        """It ends at 0: a ReLU in front of it changes nothing, and was left out."""
        q = self.quantize
        return q.grid.low == 0 if q.z is None else bool((q.z == q.grid.low).all())

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        q, d = self.quantize, self.dequantize
        positive = bool((q.s > 0).all() and (d.s > 0).all())
        return positive and (inputs[0] or self.rectifying)


class FakeQuantizeBy(Elementwise):
    """`FakeQuantize` by a scale, and a zero point, of which some are computed at run time; these carry no relevance.

    `slots`: which of the inputs after x the quantisation takes, and which the dequantisation.
    """

    adjoint_reads = frozenset({"inputs"})
    rounds = True

    def __init__(
        self,
        quantize: Quantize | QuantizeBy,
        dequantize: Dequantize | DequantizeBy,
        slots: tuple[Sequence[int], Sequence[int]],
    ) -> None:
        super().__init__()
        self.quantize, self.dequantize, self.slots = quantize, dequantize, slots

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.settle(inputs).forward(inputs[0])

    def settle(self, inputs: Sequence[Tensor]) -> FakeQuantize:
        q, d = ([inputs[0], *(inputs[i] for i in slots)] for slots in self.slots)
        settled: tuple[Any, Any] = self.quantize.settle(q), self.dequantize.settle(d)
        return FakeQuantize(*settled, alone=False)

    def carries(self, i: int) -> bool:
        return i == 0

    def with_scale(self, at: int) -> FakeQuantizeBy:
        """Dequantised by the scale that is input `at`."""
        assert isinstance(self.dequantize, DequantizeBy)
        node = self.dequantize.node
        constants, dynamic = (None, None, *node.constants[2:]), (True, True, *node.dynamic[2:])
        scaled = DequantizeBy(replace(node, constants=constants, dynamic=dynamic))
        return FakeQuantizeBy(self.quantize, scaled, (self.slots[0], (at, *self.slots[1])))
