"""Convolutional nets over series, one target."""

from __future__ import annotations

from .. import nets
from .base import IMAGES, Case

CASES = (
    Case("Basset, 1 × 600", nets.basset, (1, 4, 600), IMAGES, compared=False, quick=True),
    Case("Basset, 16 × 600", nets.basset, (16, 4, 600), IMAGES),
    Case("TCN, 16 × 1,000", nets.tcn, (16, 12, 1000), IMAGES),
)
