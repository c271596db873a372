"""Feature ablation: what the outputs lose when a group of features is replaced."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .base import BlackBoxMethod, Game, Masks, Play, Shares, parts


@dataclass(frozen=True, repr=False, eq=False)
class FeatureAblation(BlackBoxMethod):
    """f(x) − f(x with a group of elements replaced by the baseline), at every element of the group.

    `segments`: the groups (see `find_players`); features of a table with the same number form one group.
    """

    name = "feature_ablation"
    random = False

    segments: Any = None
    baseline: Any = 0.0

    def replacement(self) -> tuple[str, Any]:
        return "baseline", self.baseline

    def segmentation(self) -> Any:
        return self.segments

    def play(self, game: Game) -> Play:
        players = game.players
        shares = np.zeros((players.n, len(game.full)))
        for part in parts(players.n):
            without = np.arange(players.n) != np.arange(players.n)[part, None]
            shares[part] = game.full - (yield Masks(len(without), players.masks(without)))
        return Shares(players.spread(shares, divided=False))
