"""Pairing: values at x beside values at the baseline, when the two forward passes have different numbers of rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..errors import RuleError


class Values(Protocol):
    def __getitem__(self, value: str) -> Tensor: ...
    def get(self, value: str) -> Tensor | None: ...


@dataclass(frozen=True)
class Pairing:
    """How row i at x meets row j at the baseline, on axis 0 of every value in `per_row`.

    `n` rows at x, `n0` at the baseline: equal → one to one; one of them 1 → it is shared; else all n0·n pairs,
    baseline-major (pair b·n + s is sample s with baseline b).
    """

    n: int = 1
    n0: int = 1
    per_row: frozenset[str] = frozenset()

    def of(self, names: Sequence[str], xs: Sequence[Tensor], xs0: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """`pair` of values of these names."""
        pairs = [self.pair(v, x, x0) for v, x, x0 in zip(names, xs, xs0, strict=True)]
        return [p[0] for p in pairs], [p[1] for p in pairs]

    @property
    def rows(self) -> int:
        """How many pairs there are."""
        return self.n if self.n == self.n0 else self.n * self.n0

    @property
    def crosses(self) -> bool:
        """Whether every row at x meets every row at the baseline, several of each."""
        return self.n != self.n0 and min(self.n, self.n0) > 1

    def cross(self, names: Sequence[str], at: Values, at0: Values) -> tuple[list[Tensor], list[Tensor]]:
        """Where it crosses: the values with axes (baseline, row, …), one of which has size 1. Nothing is copied."""
        both = [(at[v][None], at0[v][:, None]) if v in self.per_row else (at[v], at0[v]) for v in names]
        return [x for x, _ in both], [x0 for _, x0 in both]

    def shaped(self, names: Sequence[str], at: Values, at0: Values) -> list[Tensor]:
        """Values of the shapes that `of` gives, with numbers that mean nothing: nothing is copied."""
        out = []
        for v in names:
            x, x0 = at[v], at0[v]
            if v in self.per_row and self.crosses:
                out.append(x[:1].expand(self.rows, *x.shape[1:]))
            else:
                out.append(self.pair(v, x, x0)[0])
        return out

    def pair(self, name: str, x: Tensor, x0: Tensor) -> tuple[Tensor, Tensor]:
        # a value that no explained input reaches (shapes and their like) is the same in both passes
        if name not in self.per_row or (self.n == self.n0 and x.shape == x0.shape):
            return x, x0
        if self.n == 1 or self.n0 == 1:
            shape, shape0 = x.shape, x0.shape
            if shape and shape0 and shape[1:] == shape0[1:] and 1 in (shape[0], shape0[0]):
                return (x, x0.expand(shape)) if shape0[0] == 1 else (x.expand(shape0), x0)
            if x.dim() != x0.dim() or any(a != b and 1 not in (a, b) for a, b in zip(x.shape, x0.shape, strict=True)):
                return x, x0  # what steps stacked, more of them in one pass than in the other
            x, x0 = torch.broadcast_tensors(x, x0)
            return x, x0
        return x.repeat(self.n0, *[1] * (x.dim() - 1)), x0.repeat_interleave(self.n, 0)

    def fits(self, values: Iterable[str], at: Values, at0: Values) -> bool:
        """Whether axis 0 of each of these values is the rows, in both passes (else the rows must be paired before)."""
        for v in values:
            if (x := at.get(v)) is None or (x0 := at0.get(v)) is None:
                continue
            shape, shape0 = x.shape, x0.shape
            if v not in self.per_row:
                if shape != shape0:
                    return False
            elif not shape or not shape0 or shape[0] != self.n or shape0[0] != self.n0 or shape[1:] != shape0[1:]:
                return False
        return True


def repeat_rows(values: Mapping[str, Tensor], k: int) -> dict[str, Tensor]:
    """Each value's rows k times, repetition-major: row r·n + s is sample s."""
    return {v: x.repeat(k, *[1] * (x.dim() - 1)) if k != 1 else x for v, x in values.items()}


def steady(values: Sequence[Tensor], values0: Sequence[Tensor]) -> None:
    """Raises `RuleError` unless these parameters are the same at the data and at the baseline."""
    others = [i for i, (v, v0) in enumerate(zip(values, values0, strict=True), 1) if not torch.equal(v, v0)]
    if others:
        raise RuleError(
            f"its inputs {others} (the boxes) are others at the baseline, and carry no relevance: what they change nobody "
            "would get; take a baseline for which they are the same, or another method"
        )
