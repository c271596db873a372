"""Max and Min of several values, element by element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor

from ..base import OnnxNode, Pulled
from ..kinds import Pooling
from ..shapes import sum_to

#: operator → the better of two values, and whether the second is strictly better
_BETTER: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Callable[[Tensor, Tensor], Tensor]]] = {
    "Max": (torch.maximum, torch.gt),
    "Min": (torch.minimum, torch.lt),
}


class Among(Pooling):
    """The largest (smallest) of the operands, with broadcasting; an index is the winning operand's ONNX position.

    Constant operands can win, then nothing is placed; they count in `window_sum`.
    """

    onnx = {"Max": 6, "Min": 6}
    adjoint_reads = frozenset({"inputs"})

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.better, self.beats = _BETTER[node.op]
        self.largest = node.op == "Max"

    @classmethod
    def build(cls, node: OnnxNode) -> Among | None:
        return cls(node) if node.is_floating(0) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        return reduce(self.better, self.full(inputs))

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        best, *others = torch.broadcast_tensors(*self.full(inputs))
        index = torch.zeros_like(best, dtype=torch.int64)
        for k, x in enumerate(others, 1):
            wins = self.beats(x, best)
            index, best = torch.where(wins, k, index), torch.where(wins, x, best)
        return index

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        picked, *others = self.full(inputs)
        picked = picked.expand(index.shape)
        for k, x in enumerate(others, 1):
            picked = torch.where(index == k, x, picked)
        return picked

    def place(self, r: Tensor, index: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        shares = [torch.where(index == s, r, 0.0) for s in self.slots]
        return tuple([sum_to(share, x.shape) for share, x in zip(shares, inputs, strict=True)])

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        return reduce(torch.add, self.full(inputs))

    def window_transpose(self, r: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        return tuple([sum_to(r, x.shape) for x in inputs])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        known = [*inputs, *(bool((getattr(self, f"constant_{i}") >= 0).all()) for i in self.constant_slots)]
        return any(known) if self.largest else all(known)
