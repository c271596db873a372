"""KernelSHAP: Shapley values as the solution of a weighted least-squares problem over coalitions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import positive
from .base import BlackBoxMethod, Game, Masks, Play, Shares, parts


@dataclass(frozen=True, repr=False, eq=False)
class KernelShap(BlackBoxMethod):
    """argmin Σ w(z) (v(z) − v(∅) − z·φ)² with Σ φ = f(x) − mean f(x̄), v(z) the mean over the references x̄ of f where
    the segments outside z are the reference's (Lundberg & Lee 2017, theorem 2).

    All coalitions are taken, and the values are exact, where there are at most `n_samples` of them; else as many whole
    sizes as fit, smallest and largest first, and random coalitions of the other sizes, each with its complement.
    Segments that no reference changes get 0. A segment's value is divided among its elements. `n_samples=None`:
    2 · segments + 2048. Of more than `limit_ref` references, that many are chosen (seeded), once for all samples.
    """

    name = "kernel_shap"
    promise = "exact"
    goal = "difference"

    data_ref: Any = None
    n_samples: int | None = None
    segments: Any = None
    limit_ref: int = 100

    def validate(self) -> None:
        positive(self, limit_ref=self.limit_ref, **({} if self.n_samples is None else {"n_samples": self.n_samples}))

    def replacement(self) -> tuple[str, Any]:
        return "data_ref", self.data_ref

    def segmentation(self) -> Any:
        return self.segments

    def play(self, game: Game) -> Play:
        players = game.active()
        n = players.n
        (empty,) = yield Masks(1, players.masks(np.zeros((1, n), dtype=bool)))
        if n < 2:
            return Shares(players.spread((game.full - empty)[None].repeat(n, 0), divided=True), empty)
        budget = 2 * n + 2048 if self.n_samples is None else self.n_samples
        coalitions, weights = weighted_coalitions(n, budget, game.rng)
        # each row minus its mean: the solution that sums to zero, of what is left after equal shares
        centred = coalitions - coalitions.mean(1, keepdims=True)
        left, right = np.zeros((n, n)), np.zeros((n, len(game.full)))
        for part in parts(len(coalitions)):
            some = coalitions[part]
            outputs = yield Masks(len(some), players.masks(some))
            rest = outputs - empty - some.mean(1)[:, None] * (game.full - empty)
            weighted = centred[part] * weights[part, None]
            left += weighted.T @ centred[part]
            right += weighted.T @ rest
        unequal = np.linalg.lstsq(left, right, rcond=None)[0]
        shares = (game.full - empty) / n + unequal - unequal.mean(0)
        return Shares(players.spread(shares, divided=True), empty)


def weighted_coalitions(n: int, budget: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """(coalitions (k, n), their weights), the empty and the full one left out; k ≤ max(budget, 2)."""
    mass = {s: (n - 1) / (s * (n - s)) for s in range(1, n)}  # of all coalitions of a size together
    everything = n <= 60 and 2**n - 2 <= budget
    rows: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    left = max(budget, 2)
    sizes = list(range(1, n // 2 + 1))
    while sizes:
        s = sizes[0]
        pair = {s, n - s}
        count = math.comb(n, s) * len(pair)
        share = sum(mass[t] for t in pair) / sum(mass[t] for size in sizes for t in {size, n - size})
        if not everything and count > left * share:
            break
        for t in sorted(pair):
            rows.append(_members(n, itertools.combinations(range(n), t)))
            weights.append(np.full(len(rows[-1]), mass[t] / len(rows[-1])))
        left -= count
        sizes.pop(0)
    if sizes and left >= 2:
        drawn, counts = _drawn(n, sizes, mass, left // 2, rng)
        rows.append(drawn)
        weights.append(counts * sum(mass[t] for s in sizes for t in {s, n - s}) / counts.sum())
    return np.concatenate(rows), np.concatenate(weights)


def _drawn(
    n: int, sizes: list[int], mass: dict[int, float], pairs: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Random coalitions of these sizes and their complements, those drawn several times as one with a count."""
    chances = np.array([sum(mass[t] for t in {s, n - s}) for s in sizes])
    chosen = rng.choice(sizes, size=pairs, p=chances / chances.sum())
    half = rng.random((pairs, n)).argsort(1).argsort(1) < chosen[:, None]
    distinct, counts = np.unique(np.concatenate([half, ~half]), axis=0, return_counts=True)
    return distinct, counts.astype(np.float64)


def _members(n: int, groups: Iterator[tuple[int, ...]]) -> np.ndarray:
    listed = np.array(list(groups))
    rows = np.zeros((len(listed), n), dtype=bool)
    np.put_along_axis(rows, listed, True, axis=1)
    return rows
