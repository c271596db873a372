"""What makes relevance at a step of other relevance: the calls of a walk, found once for many steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ...layers.kinds import Affine
from ...rules.base import Relevances
from ..visit import Visit
from .shares import Piece, Ready, Shares, itself, summed

#: one node at one step: (relevance at its outputs, the step's part of what was made ready) → relevance at its inputs
Apply = Callable[[Relevances, Any], Relevances]
#: at step k (counted from the first), from relevances by number: makes some of the others
Call = Callable[[list[Tensor | None], int], None]


class Calls:
    """Relevances by number, and the calls that make them at each of `steps` steps, for nodes that are named in errors."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.size = 0
        self.calls: list[tuple[Visit, Call]] = []
        self._made: dict[int, tuple[Shares, int]] = {}

    def new(self) -> int:
        """The number of a relevance."""
        self.size += 1
        return self.size - 1

    def number(self, visit: Visit | None, shares: Shares, like: Tensor) -> int:
        """The number of the relevance that these shares are, made by a call unless there is one; `like`: as for `Ready`. Where no node
        is passed they are what arrived."""
        if (number := itself(shares)) is not None:
            return number
        if id(shares) not in self._made:
            self._made[id(shares)] = shares, (to := self.new())
            made = Ready(shares, self.steps, like).at

            def call(relevance: list[Tensor | None], k: int) -> None:
                relevance[to] = made(k, relevance)

            assert visit is not None
            self.calls.append((visit, call))
        return self._made[id(shares)][1]

    def sum(self, visit: Visit, before: Shares | None, more: Shares, like: Tensor) -> Shares:
        """Relevance at a value beside what is there already."""
        if before is None:
            return more
        if (total := summed(before, more)) is not None:
            return total
        to, first, second = self.new(), Ready(before, self.steps, like), Ready(more, self.steps, like)

        def call(relevance: list[Tensor | None], k: int) -> None:
            relevance[to] = second.plus(first.at(k, relevance), k, relevance)

        self.calls.append((visit, call))
        return (Piece(like.shape[-1], to),)

    def transpose(self, visit: Visit, layer: Affine, at: int, x: Tensor) -> Shares:
        """Jᵀ of a relevance; `x`: a value of its input at one step, whose numbers are not read."""
        to, pull = self.new(), layer.pulling()

        def call(relevance: list[Tensor | None], k: int) -> None:
            r = relevance[at]
            relevance[to] = r if r is None else pull(r, x)

        self.calls.append((visit, call))
        return (Piece(x.shape[-1], to),)

    def rule(
        self, visit: Visit, apply: Apply, columns: Sequence[Any], at: Sequence[int | None], inputs: Sequence[Tensor]
    ) -> list[tuple[int, Shares]]:
        """What a rule makes of these relevances, whatever that is, at the inputs that carry some."""
        out = [(i, self.new()) for i, _ in visit.leaves]

        def call(relevance: list[Tensor | None], k: int) -> None:
            given = tuple([None if number is None else relevance[number] for number in at])
            if any(r is not None for r in given):
                pulled = apply(given, columns[k])
                for i, to in out:
                    relevance[to] = pulled[i] if i < len(pulled) else None

        self.calls.append((visit, call))
        return [(i, (Piece(inputs[i].shape[-1], to),)) for i, to in out]
