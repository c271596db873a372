"""Occlusion: what the outputs lose when a window is covered."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ...errors import RuleError
from .base import BlackBoxMethod, Game, Masks, Play, Shares, by_input, parts
from .players import cut_axes

Window = tuple[slice, ...]


@dataclass(frozen=True, repr=False, eq=False)
class Occlusion(BlackBoxMethod):
    """f(x) − f(x with a window replaced by the baseline), averaged over the windows that cover an element
    (Zeiler & Fergus 2014).

    `window`, `stride`: a size for every cut axis (all but channels; of two axes of unknown names the longer), a size each, or a size for
    every axis of a sample; or these by input. By default single features of tables, elsewhere an eighth of each axis in
    steps of half a window. The last window of an axis may be cut off by its end.
    """

    name = "occlusion"
    random = False

    window: Any = None
    stride: Any = None
    baseline: Any = 0.0

    def replacement(self) -> tuple[str, Any]:
        return "baseline", self.baseline

    def play(self, game: Game) -> Play:
        values = {}
        for i, x in game.x.items():
            windows = self.windows(i, x.shape, game.axes[i])
            total = np.zeros((*x.shape, len(game.full)))
            count = np.zeros(x.shape)
            for part in parts(len(windows)):
                some = windows[part]
                outputs = yield Masks(len(some), partial(_covered, i, x.shape, some))
                for w, y in zip(some, outputs, strict=True):
                    total[w] += game.full - y
                    count[w] += 1
            values[i] = total / count[..., None]
        return Shares(values)

    def windows(self, name: str, shape: tuple[int, ...], known: Sequence[str] = ()) -> list[Window]:
        """The windows of one input, each as slices of a sample."""
        axes = cut_axes(shape, known)
        sizes = self._sizes("window", name, shape, axes) or [
            1 if len(shape) == 1 else -(-s // 8) if a in axes else s for a, s in enumerate(shape)
        ]
        steps = self._sizes("stride", name, shape, axes) or [-(-w // 2) if a in axes else w for a, w in enumerate(sizes)]
        if any(step > size for step, size in zip(steps, sizes, strict=True)):
            raise RuleError(f"Occlusion's stride {steps} leaves gaps between windows of {sizes} on input {name!r}")
        starts = [range(0, max(s - w, 0) + step, step) for s, w, step in zip(shape, sizes, steps, strict=True)]
        return [
            tuple(slice(a, min(a + w, s)) for a, w, s in zip(at, sizes, shape, strict=True))
            for at in itertools.product(*starts)
        ]

    def _sizes(self, parameter: str, name: str, shape: tuple[int, ...], axes: tuple[int, ...]) -> list[int] | None:
        given = by_input(getattr(self, parameter), name)
        if given is None:
            return None
        each = [given] * len(axes) if isinstance(given, (int, np.integer)) else list(given)
        if len(each) not in (len(axes), len(shape)) or not all(isinstance(e, (int, np.integer)) and e >= 1 for e in each):
            raise RuleError(
                f"Occlusion's {parameter}={given!r} of input {name!r}: give a size >= 1, one for each of the axes {axes}, or "
                f"one for each of the {len(shape)} axes of a sample"
            )
        if len(each) < len(shape):
            cut = dict(zip(axes, each, strict=True))
            each = [cut.get(a, s) for a, s in enumerate(shape)]
        return [min(int(e), s) for e, s in zip(each, shape, strict=True)]


def _covered(name: str, shape: tuple[int, ...], windows: list[Window], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Masks of one input: False in some of the windows."""
    mask = np.ones((len(rows), *shape), dtype=bool)
    for k, r in enumerate(rows):
        mask[(k, *windows[r])] = False
    return {name: mask}
