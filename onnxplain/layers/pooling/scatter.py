"""ScatterElements and ScatterND that keep the largest or the smallest."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Pulled
from ..kinds import Pooling
from ..routing.indices import targets

_REDUCE = {"max": "amax", "min": "amin"}


class ScatterExtreme(Pooling):
    """The largest (smallest) of an element of x and all updates that go there; x first of ties, then the first update.

    An index counts over x's elements and then the updates'.
    """

    onnx = {"ScatterElements": 16, "ScatterND": 16}
    adjoint_reads = frozenset({"inputs"})

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.op, self.axis = node.op, int(node.attr("axis", 0))
        self.reduce = _REDUCE[node.attr("reduction")]

    @classmethod
    def build(cls, node: OnnxNode) -> ScatterExtreme | None:
        return cls(node) if node.attr("reduction") in _REDUCE and node.is_floating(0) else None

    def forward(self, *inputs: Tensor) -> Tensor:
        x, at, updates = self.flat(inputs)
        y = x.scatter_reduce(0, at, updates, self.reduce)
        return y.reshape(self.full(inputs)[0].shape)

    def flat(self, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """(x, where the updates go, the updates), each in one row."""
        x, index, updates = self.full(inputs)
        return x.reshape(-1), targets(self.op, index, x.shape, self.axis), updates.reshape(-1)

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        x, at, updates = self.flat(inputs)
        n = len(x)
        best = x.scatter_reduce(0, at, updates, self.reduce)
        own = torch.arange(n, device=x.device)
        none = n + len(updates)
        theirs = torch.where(updates == best[at], torch.arange(n, none, device=x.device), none)
        first = torch.full_like(own, none).scatter_reduce(0, at, theirs, "amin")
        return torch.where(x == best, own, first).reshape(self.full(inputs)[0].shape)

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        x, _, updates = self.flat(inputs)
        return torch.cat([x, updates])[index.reshape(-1)].reshape(index.shape)

    def place(self, r: Tensor, index: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        x, _, updates = self.full(inputs)
        n_targets = r.shape[0]
        both = r.new_zeros((n_targets, x.numel() + updates.numel()))
        both = both.index_add(1, index.reshape(-1), r.reshape(n_targets, -1))
        to_x, to_updates = both.split([x.numel(), updates.numel()], 1)
        return self.given(to_x.reshape(n_targets, *x.shape), to_updates.reshape(n_targets, *updates.shape))

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        x, at, updates = self.flat(inputs)
        return x.index_add(0, at, updates).reshape(self.full(inputs)[0].shape)

    def window_transpose(self, r: Tensor, inputs: Sequence[Tensor]) -> Pulled:
        x, index, updates = self.full(inputs)
        at = targets(self.op, index, x.shape, self.axis)
        flat = r.reshape(r.shape[0], -1)
        return self.given(r, flat.index_select(1, at).reshape(r.shape[0], *updates.shape))

    def given(self, to_x: Tensor, to_updates: Tensor) -> Pulled:
        found = {0: to_x, 2: to_updates}
        return tuple([found.get(s) for s in self.slots])

    def carries(self, i: int) -> bool:
        return self.slots[i] != 1

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        """Of a maximum x alone decides: it stands everywhere."""
        known = {s: n for s, n in zip(self.slots, inputs, strict=True)}
        parts = [known[i] if i in known else bool((getattr(self, f"constant_{i}") >= 0).all()) for i in (0, 2)]
        return parts[0] if self.reduce == "amax" else all(parts)
