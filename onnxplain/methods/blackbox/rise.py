"""RISE: the mean output under random soft masks that show an element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import RuleError
from ..base import positive
from .base import BlackBoxMethod, Game, Masks, Play, Shares, parts
from .players import cut_axes

#: masks held at once for the sum, which needs them in full size
FEW = 16


@dataclass(frozen=True, repr=False, eq=False)
class Rise(BlackBoxMethod):
    """1 / (n·p) Σ f(m ⊙ x + (1 − m) ⊙ baseline) · m over n random masks m (Petsiuk et al. 2018, eq. 6).

    A mask is a `grid` of cells kept with probability `p`, moved by a random part of a cell and interpolated linearly;
    its mean is p everywhere. Features of tables and integer inputs are kept or replaced as a whole. All inputs of a
    sample are masked at the same time, each by its own mask.
    """

    name = "rise"

    n_masks: int = 1000
    p: float = 0.5
    grid: int = 8
    baseline: Any = 0.0

    def validate(self) -> None:
        positive(self, n_masks=self.n_masks, grid=self.grid)
        if not isinstance(self.p, (int, float)) or not 0 < self.p < 1:
            raise RuleError(f"Rise needs 0 < p < 1, got {self.p!r}")

    def replacement(self) -> tuple[str, Any]:
        return "baseline", self.baseline

    def play(self, game: Game) -> Play:
        soft = {i: self._draw(x, game.rng, game.axes[i]) for i, x in game.x.items()}
        total = {i: np.zeros((*x.shape, len(game.full))) for i, x in game.x.items()}
        for part in parts(self.n_masks):
            rows = np.arange(part.start, part.stop)

            def masks(some: np.ndarray, rows: np.ndarray = rows) -> Mapping[str, np.ndarray]:
                return {i: m.of(rows[some]) for i, m in soft.items()}

            outputs = yield Masks(len(rows), masks)
            for few in parts(len(rows), FEW):
                for i, m in masks(np.arange(few.start, few.stop)).items():
                    total[i] += np.tensordot(m.astype(np.float64), outputs[few], (0, 0))
        return Shares({i: t / (self.n_masks * self.p) for i, t in total.items()})

    def _draw(self, x: np.ndarray, rng: np.random.Generator, names: Sequence[str] = ()) -> SoftMasks:
        axes = cut_axes(x.shape, names)
        cells = tuple(min(self.grid, x.shape[a]) if x.ndim > 1 else x.shape[a] for a in axes)
        whole = x.ndim < 2
        corners = tuple(c if whole else c + 1 for c in cells)
        kept = rng.random((self.n_masks, *corners)) < self.p
        moved = np.zeros((self.n_masks, len(axes))) if whole else rng.random((self.n_masks, len(axes)))
        return SoftMasks(x.shape, axes, cells, kept, moved, smooth=x.dtype.kind == "f" and not whole)


@dataclass(frozen=True, eq=False)
class SoftMasks:
    """Masks of one input from what was drawn: `kept` (masks, *corners of the cells), `moved` (masks, axes)."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    cells: tuple[int, ...]
    kept: np.ndarray
    moved: np.ndarray
    smooth: bool

    def of(self, rows: np.ndarray) -> np.ndarray:
        """(rows, *sample shape), channels as one."""
        mask = self.kept[rows].astype(np.float32) if self.smooth else self.kept[rows]
        for k, (a, cells) in enumerate(zip(self.axes, self.cells, strict=True)):
            last = mask.shape[1 + k] - 1
            at = (np.arange(self.shape[a]) + 0.5) / self.shape[a] * cells - 0.5 + self.moved[rows, k, None]
            at = _along(np.clip(at, 0, last), 1 + k, mask.ndim)
            if not self.smooth:
                mask = np.take_along_axis(mask, np.rint(at).astype(np.int64), 1 + k)
                continue
            low = np.minimum(np.floor(at).astype(np.int64), max(last - 1, 0))
            part = (at - low).astype(np.float32)
            high = np.minimum(low + 1, last)
            mask = (1 - part) * np.take_along_axis(mask, low, 1 + k) + part * np.take_along_axis(mask, high, 1 + k)
        return mask.reshape(len(rows), *(s if a in self.axes else 1 for a, s in enumerate(self.shape)))


def _along(at: np.ndarray, axis: int, rank: int) -> np.ndarray:
    """(rows, size) with `size` on `axis` of `rank` axes."""
    return at.reshape(len(at), *(at.shape[1] if b == axis else 1 for b in range(1, rank)))
