"""Sums over walks: relevance at sources and internal values, weighted, brought to the model's inputs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch
from torch import Tensor

from ..errors import OnnxplainError
from ..graph.pairing import Pairing
from ..graph.plan import Trace
from ..layers.shapes import all_finite, few_and_finite
from .base import Statistic, Step
from .problem import Problem, rows_first
from .results import as_array
from .sample_axes import Layouts, layer_rows

#: numbers of one repetition, below which repetitions are multiplied and summed up all at once
FEW = 2**13
#: (value, asked, the first of some targets that are walked together)
Key = tuple[str, str, int]


class NonFinite(OnnxplainError):
    """Attributions came out as NaN or infinity; `explain` turns it into an error that names the node."""


@dataclass(eq=False)
class Sums:
    """The running sums of one chunk of `n` samples: (targets, samples, …) for each value, what is asked and some of its targets.

    `statistic` of the repetitions; `layouts`: where internal values hold the samples, if that was looked for;
    `first`: for a variance, each value's first repetition; `owned`: totals that are nobody else's, and may be written to."""

    problem: Problem
    n: int
    statistic: Statistic = "mean"
    layouts: Layouts = field(default_factory=dict)
    totals: dict[Key, Tensor] = field(default_factory=dict)
    layers: dict[Key, Tensor] = field(default_factory=dict)
    first: dict[tuple[str, Key], Tensor] = field(default_factory=dict)
    owned: set[Key] = field(default_factory=set)

    def add(self, asked: str, step: Step, start: int, relevance: Mapping[str, Tensor], differences: Differences | None = None) -> None:
        """One walk's relevance, for some targets, `start` the first."""
        p = self.problem
        for s in p.sources:
            if (r := relevance.get(s.value)) is not None:
                r = rows_first(r, p.layout(s))
                factor = None if step.factor is None else step.factor[s.value]
                if factor is not None and self._one_by_one((s.value, asked, start), r, step, factor):
                    continue
                # what is the same for all repetitions is multiplied once, by their sum
                late = factor is not None and self.statistic == "mean" and factor.shape[0] == self.n < r.shape[1]
                if factor is not None and not late:
                    r = r * factor
                key = s.value, asked, start
                r = weighted(self._powers("source", key, r, step), step, self.n)
                _accumulate(self.totals, key, r * factor if late else r)  # type: ignore[operator]
        for v in p.layers:
            if (r := relevance.get(v)) is not None:
                r = r if differences is None else differences.scaled(v, r)
                r = layer_rows(v, r, step.k * self.n, self.layouts)
                key = v, asked, start
                _accumulate(self.layers, key, weighted(self._powers("layer", key, r, step), step, self.n))

    def _one_by_one(self, key: Key, r: Tensor, step: Step, factor: Tensor) -> bool:
        """Adds relevance times factor, repetition by repetition, where no product of all of them need be made for that."""
        n, each = self.n, r.shape[0] * self.n * prod(r.shape[2:])
        own = self.statistic == "mean" and factor.shape[0] == r.shape[1] == step.k * n and r.dtype == factor.dtype
        if not own or each < FEW or r.requires_grad:
            return False
        factors: Sequence[Tensor] = (factor,)
        parts: Sequence[Tensor] = (r,)
        if step.k > 1:
            factors, parts = factor.unflatten(0, (step.k, n)).unbind(), r.unflatten(1, (step.k, n)).unbind(1)
        weights = [1.0] * step.k
        if step.weights is not None and r.is_cpu:
            weights = step.weights.tolist()
        elif step.weights is not None:  # numbers elsewhere would have to be waited for
            factors = [f * w for f, w in zip(factors, step.weights.unbind(), strict=True)]
        total, rest = self.totals.get(key), zip(parts, factors, weights, strict=True)
        if total is None or key not in self.owned:
            first, f, w = next(rest)
            if total is None:
                total = first * f if w == 1 else (first * f).mul_(w)
            else:
                total = total.addcmul(first, f, value=w)
            self.totals[key] = total
            self.owned.add(key)
        for part, f, w in rest:
            total.addcmul_(part, f, value=w)
        return True

    def by_source(self, asked: str, start: int) -> Iterator[tuple[str, tuple[str, ...], Tensor]]:
        """(source, the inputs it stands for, its sum) for the sources that relevance reached; `start`: of some targets that
        were walked together, the first."""
        for s in self.problem.sources:
            if (total := self.totals.get((s.value, asked, start))) is not None:
                yield s.value, s.inputs, self._finished(total)

    def by_layer(self, asked: str, start: int, trace: Trace) -> dict[str, Tensor]:
        """The same for internal values, those included that stand for an input in a way of their own."""
        found = {v: self.layers.get((v, asked, start)) for v in self.problem.layers}
        out = {v: self._finished(total) for v, total in found.items() if total is not None}
        for s in self.problem.sources:
            if s.back is not None and (total := self.totals.get((s.value, asked, start))) is not None:
                out[s.value] = s.back.at_source(trace, self._finished(total))
        return out

    def by_input(self, asked: str, start: int, trace: Trace) -> dict[str, Tensor]:
        """(targets, samples, *input axes) for every model input that relevance reached."""
        out: dict[str, Tensor] = {}
        for source, inputs, r in self.by_source(asked, start):
            for i in inputs:
                back = r if source == i else self.problem.to_input(source, i, r, trace)
                if back is not None:
                    out[i] = out[i] + back if i in out else back
        return out

    def total(self, asked: str, by_input: Mapping[str, Tensor], n_targets: int) -> np.ndarray:
        """(targets, samples): over all inputs; raises `NonFinite`."""
        whole: np.ndarray | None = None
        for i, r in by_input.items():
            if (total := summed(r)) is None:
                raise NonFinite(f"the attribution of input {i!r} for {asked!r}")
            whole = total if whole is None else whole + total
        return np.zeros((n_targets, self.n), np.float32) if whole is None else whole

    def _powers(self, kind: str, key: Key, r: Tensor, step: Step) -> Tensor:
        """What is summed up over repetitions, (T, k·n, …): r; r²; or r and r², on a last axis, of what r differs by
        from its first repetition, so that equal numbers have no variance."""
        if self.statistic == "mean":
            return r
        if self.statistic == "square":
            return r * r
        parts = r.reshape(r.shape[0], step.k, self.n, *r.shape[2:])
        d = parts - self.first.setdefault((kind, key), parts[:, :1])
        return torch.stack([d, d * d], -1).reshape(*r.shape, 2)

    def _finished(self, total: Tensor) -> Tensor:
        return (total[..., 1] - total[..., 0] ** 2).clamp(min=0) if self.statistic == "variance" else total


@dataclass(frozen=True, eq=False)
class Differences:
    """What turns what a walk carries at an internal value into an attribution: nothing, its value, its difference."""

    factor: str
    trace: Trace
    trace0: Trace | None
    pairing: Pairing | None

    def scaled(self, value: str, r: Tensor) -> Tensor:
        if self.factor == "value":
            return r * self.trace[value]
        if self.factor == "difference":
            assert self.trace0 is not None and self.pairing is not None
            x, x0 = self.pairing.pair(value, self.trace[value], self.trace0[value])
            return r * (x - x0)
        return r


def summed(r: Tensor) -> np.ndarray | None:
    """(targets, samples, …) → (targets, samples); None where r holds NaN or infinity."""
    axes = tuple(range(2, r.dim()))
    if (x := few_and_finite(r)) is not None:
        return np.add.reduce(x, axes)  # type: ignore[no-any-return]
    total = as_array(r.sum(axes) if axes else r)
    return total if math.isfinite(total.sum()) or all_finite(r) else None  # a finite sum has finite terms


def weighted(r: Tensor, step: Step, n: int) -> Tensor:
    """(T, k·n, …) → (T, n, …): the weighted sum over repetitions."""
    if step.k == 1:
        return r if step.weights is None else r * step.weights[0]
    if step.weights is None:
        return r.reshape(r.shape[0], step.k, n, *r.shape[2:]).sum(1)
    # an einsum would put the repetitions last, in a copy; of channels that lie last reshape would make one
    last = r.dim() == 5 and r[0].is_contiguous(memory_format=torch.channels_last)
    dense = r.movedim(2, -1) if last else r
    total = torch.matmul(step.weights, dense.reshape(r.shape[0], step.k, -1)).reshape(r.shape[0], n, *dense.shape[2:])
    return total.movedim(-1, 2) if last else total


def _accumulate(sums: dict[Key, Tensor], key: Key, r: Tensor) -> None:
    before = sums.get(key)
    sums[key] = r if before is None else before + r
