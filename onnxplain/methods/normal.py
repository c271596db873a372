"""Normal numbers of random words."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from .streams import Stream

HALF = 2.0**-31


def normal(stream: Stream, repetitions: range, samples: np.ndarray, size: int, dtype: torch.dtype) -> Tensor:
    """(repetitions, samples, size) of N(0, 1): √(−2 ln u) · (cos θ, sin θ), u and θ of 31 and 32 bits, so that the largest is 6.7
    (Box and Muller 1958). The same words in every precision; where u is next to 1, that of single precision moves a number by
    up to 1e-4.

    NumPy's take four times as long, of which the half is waited for by other threads.
    """
    k, n, some = len(repetitions), len(samples), -(-size // 4)
    words = stream.words(range(2 * repetitions.start, 2 * repetitions.stop), samples, some)
    halves = torch.from_numpy(words.view(np.int32)).reshape(k, 2, n, 2 * some)
    u = (halves[:, 0] & 0x7FFFFFFF).to(dtype)
    radius = u.add_(0.5).mul_(HALF).log_().mul_(-2).sqrt_()
    angle = halves[:, 1].to(dtype).mul_(math.pi * HALF)
    made = radius.new_empty((k, n, 2, 2 * some))
    torch.mul(radius, angle.cos(), out=made[:, :, 0])
    torch.mul(radius, angle.sin_(), out=made[:, :, 1])
    return made.flatten(2)[..., :size]
