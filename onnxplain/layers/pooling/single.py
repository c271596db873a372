"""Single: a Pooling layer of one value, whose further inputs are parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import Pulled
from ..kinds import Pooling


class Single(Pooling):
    """Pooling of ONNX input 0; all other inputs (axes, counts) carry nothing.

    A subclass gives `forward`, `winners`, `pick`, `window_sum`; `put(r, index, args)` and `spread(r, args)`: what
    `place` and `window_transpose` give input 0, with `args` the full ONNX argument list.
    """

    adjoint_reads = frozenset({"inputs"})

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        raise NotImplementedError(type(self).__name__)

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        raise NotImplementedError(type(self).__name__)

    def place(self, r: Tensor, index: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        args = self.full(inputs)
        return tuple([self.put(r, index, args) if s == 0 else None for s in self.slots])

    def window_transpose(self, r: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        args = self.full(inputs)
        return tuple([self.spread(r, args) if s == 0 else None for s in self.slots])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return 0 in self.slots and inputs[self.slots.index(0)]

    def carries(self, i: int) -> bool:
        return self.slots[i] == 0
