"""Random words by seed, purpose, repetition and sample: the same whatever else is drawn, in whatever chunks.

A generator with random access: the words of a repetition lie on its circle of 2^128 in the order of the samples, so that those of
some samples are drawn at once, from where the first of them has its place. NumPy keeps the words of a bit generator as they are
from version to version, other than the numbers that it makes of them (NEP 19).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

CIRCLE = 2**128
#: how far repetitions are apart: the circle in the golden ratio, so that any few of them keep their distance
APART = 0x9E3779B97F4A7C15F39CC0605CEDC835


class Stream:
    """The words of one key, which is whole numbers ≥ 0."""

    def __init__(self, key: Sequence[int]) -> None:
        self._generator = np.random.PCG64DXSM(np.random.SeedSequence(list(key)))
        self._start = self._generator.state

    def words(self, repetitions: range, samples: np.ndarray, each: int) -> np.ndarray:
        """(repetitions, samples, each) of uint64; the samples lie close to each other. `each` belongs to the key: another
        number of words has other ones."""
        first, last = int(samples.min()), int(samples.max())
        made = np.empty((len(repetitions), last + 1 - first, each), np.uint64)
        for row, r in zip(made, repetitions, strict=True):
            self._generator.state = self._start
            self._generator.advance((r * APART + first * each) % CIRCLE)
            row[...] = self._generator.random_raw(row.size).reshape(row.shape)
        at = samples - first
        return made if len(at) == made.shape[1] and (at == np.arange(len(at))).all() else made[:, at]
