"""Shapley values as mean marginal contributions over random orders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..base import positive
from .base import PART, BlackBoxMethod, Game, Masks, Play, Shares, parts


@dataclass(frozen=True, repr=False, eq=False)
class PermutationShap(BlackBoxMethod):
    """Mean over random orders of v(those before i, and i) − v(those before i); Σ = f(x) − mean f(x̄) for every number of
    orders (Castro et al. 2009; antithetic: Mitchell et al. 2022).

    v(z): the mean over the references x̄ of f where the segments outside z are the reference's. `antithetic`: every
    second order is the one before it, backwards, which is exact where at most two segments interact. Segments that no
    reference changes get 0. A segment's value is divided among its elements. `limit_ref` as in KernelShap.
    """

    name = "permutation_shap"
    promise = "exact"
    goal = "difference"

    data_ref: Any = None
    n_permutations: int = 10
    antithetic: bool = True
    segments: Any = None
    limit_ref: int = 100

    def validate(self) -> None:
        positive(self, n_permutations=self.n_permutations, limit_ref=self.limit_ref)

    def replacement(self) -> tuple[str, Any]:
        return "data_ref", self.data_ref

    def segmentation(self) -> Any:
        return self.segments

    def play(self, game: Game) -> Play:
        players = game.active()
        n = players.n
        (empty,) = yield Masks(1, players.masks(np.zeros((1, n), dtype=bool)))
        shares = np.zeros((n, len(game.full)))
        if n:
            orders = np.array(list(self._orders(n, game.rng)))
            for part in parts(len(orders), max(1, PART // n)):
                some = orders[part]
                place = np.argsort(some, axis=1)
                before = (place[:, None, :] <= np.arange(n - 1)[:, None]).reshape(-1, n)
                outputs = yield Masks(len(before), players.masks(before))
                ends = [np.broadcast_to(v, (len(some), 1, len(v))) for v in (empty, game.full)]
                steps = np.diff(np.concatenate([ends[0], outputs.reshape(len(some), n - 1, -1), ends[1]], axis=1), axis=1)
                np.add.at(shares, some, steps)
            shares /= len(orders)
        return Shares(players.spread(shares, divided=True), empty)

    def _orders(self, n: int, rng: np.random.Generator) -> Iterator[np.ndarray]:
        order = np.arange(n)
        for k in range(self.n_permutations):
            order = order[::-1] if self.antithetic and k % 2 else rng.permutation(n)
            yield order
