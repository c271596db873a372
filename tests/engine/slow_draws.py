"""What methods draw, one number after the other, in numpy: `onnxplain.methods.streams` and `normal` once more."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

GOLDEN = 210306068529402873165736369884012333109  # 2^128/φ


def words(key: Sequence[int], repetition: int, sample: int, each: int) -> list[int]:
    """The words of one repetition of one sample."""
    generator = np.random.PCG64DXSM(np.random.SeedSequence(list(key)))
    generator.advance((repetition * GOLDEN + sample * each) % 2**128)
    return [int(generator.random_raw()) for _ in range(each)]


def normals(key: Sequence[int], copy: int, sample: int, shape: Sequence[int]) -> np.ndarray:
    """The noise of one copy of one sample."""
    some = math.ceil(math.prod(shape) / 4)
    radii, angles = ([half for w in words(key, 2 * copy + i, sample, some) for half in (w & 0xFFFFFFFF, w >> 32)] for i in (0, 1))
    signed = [a - 2**32 if a >= 2**31 else a for a in angles]
    pairs = [
        (r * math.cos(t), r * math.sin(t))
        for r, t in zip([math.sqrt(-2 * math.log((u % 2**31 + 0.5) / 2**31)) for u in radii], [math.pi * a / 2**31 for a in signed], strict=True)
    ]
    return np.array([*(c for c, _ in pairs), *(s for _, s in pairs)][: math.prod(shape)]).reshape(shape)
