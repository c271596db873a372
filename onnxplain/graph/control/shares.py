"""Relevance as what is at hand times a factor that is known beforehand.

Between its matrix products a recurrent cell multiplies relevance, number by number, and puts pieces of it side by side. What that comes
to is r ⊙ f, piece by piece, over relevances r that arrived at the cell's outputs, came out of a product or were added up: the factors
are found for many steps at once, and a step has one product for all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

#: what relevance is multiplied by: of many steps, one after the other along axis 0; or the same number everywhere
Factor = Tensor | float


class Piece(NamedTuple):
    """So many numbers along the last axis: a relevance, by its number, times a factor; or nothing."""

    size: int
    number: int | None = None
    factor: Factor = 1.0


#: relevance at a value: its pieces along the last axis
Shares = tuple[Piece, ...]


def itself(shares: Shares) -> int | None:
    """The number of the relevance, where that is all they are."""
    first = shares[0]
    return first.number if len(shares) == 1 and isinstance(first.factor, float) and first.factor == 1 else None


def scaled(shares: Shares, factor: Factor, like: Tensor) -> Shares:
    """The same times a factor; `like`: a value of their shape at all steps, whose numbers are not read."""
    if isinstance(factor, float):
        return shares if factor == 1 else tuple([p._replace(factor=p.factor * factor) for p in shares])
    parts = factor.expand_as(like).split([p.size for p in shares], -1)
    return tuple([p._replace(factor=_product(p.factor, f)) for p, f in zip(shares, parts, strict=True)])


def summed(a: Shares, b: Shares) -> Shares | None:
    """Their sum, where it is made of the same relevances."""
    if [(p.size, p.number) for p in a] != [(p.size, p.number) for p in b]:
        return None
    return tuple([p._replace(factor=p.factor + q.factor) for p, q in zip(a, b, strict=True)])


def _product(f: Factor, g: Tensor) -> Factor:
    return g if isinstance(f, float) and f == 1 else f * g


class Ready:
    """Shares, to be made at each of `steps` steps. `like`: a value of their shape at all steps, whose numbers are not read."""

    def __init__(self, shares: Shares, steps: int, like: Tensor) -> None:
        self.pieces = [(p.number, p.size) for p in shares]
        self.only = shares[0].number if len(shares) == 1 else None
        self.factors: Sequence[Tensor] | None = None  # where all are 1
        if any(isinstance(p.factor, Tensor) or p.factor != 1 for p in shares):
            each = [p.factor if isinstance(p.factor, Tensor) else like.new_tensor(p.factor) for p in shares]
            each = [f.expand(*like.shape[:-1], p.size) for f, p in zip(each, shares, strict=True)]
            whole = torch.cat(each, -1) if len(each) > 1 else each[0]
            self.factors = whole.unflatten(0, (steps, -1)).unbind(0)

    def at(self, k: int, relevance: Sequence[Tensor | None]) -> Tensor | None:
        """At step k, from the relevances by number; None where none of those is there. It may be one of them."""
        r = self._side_by_side(relevance) if self.only is None else relevance[self.only]
        return r if r is None or self.factors is None else r * self.factors[k]

    def plus(self, total: Tensor | None, k: int, relevance: Sequence[Tensor | None]) -> Tensor | None:
        """The same, added to a total."""
        if total is not None and self.only is not None and self.factors is not None:
            r = relevance[self.only]
            return total if r is None else torch.addcmul(total, r, self.factors[k])
        r = self.at(k, relevance)
        return r if total is None else total if r is None else total + r

    def _side_by_side(self, relevance: Sequence[Tensor | None]) -> Tensor | None:
        parts = [None if number is None else relevance[number] for number, _ in self.pieces]
        some = next((r for r in parts if r is not None), None)
        if some is None:
            return None
        sizes = [(*some.shape[:-1], n) for _, n in self.pieces]
        return torch.cat([some.new_zeros(size) if r is None else r for r, size in zip(parts, sizes, strict=True)], -1)
