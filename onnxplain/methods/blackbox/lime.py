"""LIME: the coefficients of a linear model of the outputs near the sample."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import MissingDependencyError, RuleError
from ..base import positive
from .base import BlackBoxMethod, Game, Masks, Play, Shares, parts


@dataclass(frozen=True, repr=False, eq=False)
class Lime(BlackBoxMethod):
    """Coefficients of a weighted linear model of f over "this segment is kept" (Ribeiro et al. 2016, algorithm 1), at
    every element of the segment.

    Segments are kept with probability 1/2; the first copy is the sample itself. A copy's weight is
    √exp(−d² / kernel_width²), d = 1 − √(share of segments kept), its cosine distance. `local_model`: a scikit-learn
    regressor with `coef_` that takes `sample_weight`, by default Ridge(alpha=1).
    """

    name = "lime"

    n_samples: int = 1000
    kernel_width: float = 0.25
    segments: Any = None
    baseline: Any = 0.0
    local_model: Any = None

    def validate(self) -> None:
        positive(self, n_samples=self.n_samples)
        if not isinstance(self.kernel_width, (int, float)) or not self.kernel_width > 0:
            raise RuleError(f"Lime needs kernel_width > 0, got {self.kernel_width!r}")
        if self.local_model is not None and not hasattr(self.local_model, "fit"):
            raise RuleError(f"Lime's local_model is a scikit-learn regressor such as LinearRegression(), got {self.local_model!r}")

    def replacement(self) -> tuple[str, Any]:
        return "baseline", self.baseline

    def segmentation(self) -> Any:
        return self.segments

    def play(self, game: Game) -> Play:
        players = game.players
        if not players.n:
            return Shares(players.spread(np.zeros((0, len(game.full))), divided=False))
        regressor = self._regressor()
        kept = game.rng.random((self.n_samples, players.n)) < 0.5
        kept[0] = True
        outputs = np.zeros((self.n_samples, len(game.full)))
        for part in parts(self.n_samples):
            some = kept[part]
            outputs[part] = yield Masks(len(some), players.masks(some))
        distance = 1 - np.sqrt(kept.mean(1))
        weights = np.sqrt(np.exp(-((distance / self.kernel_width) ** 2)))
        coefficients = [
            np.ravel(copy.deepcopy(regressor).fit(kept.astype(np.float64), y, sample_weight=weights).coef_) for y in outputs.T
        ]
        return Shares(players.spread(np.stack(coefficients, axis=1), divided=False))

    def _regressor(self) -> Any:
        if self.local_model is not None:
            return self.local_model
        try:
            from sklearn.linear_model import Ridge
        except ImportError as error:
            raise MissingDependencyError(
                f'Lime\'s local model needs scikit-learn, which cannot be imported ({error}): pip install "onnxplain[lime]"'
            ) from error
        return Ridge(alpha=1.0)
