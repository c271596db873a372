"""Many targets, and methods that are an average over steps, copies, draws or references."""

from __future__ import annotations

from functools import partial

from .. import nets
from ..nets.images import small_conv
from .base import FEW, Case, numbered

STEPS = ("ig", "smoothgrad", "expected")
#: they would take minutes for many targets
LONG = ("shap", "tangermeme")

CASES = (
    Case("MLP, 10,000 × 100, ten targets", nets.mlp, (10_000, 100), FEW, numbered(10), without=LONG, compared=False),
    Case(
        "MLP, 1,000 × 100, 100 targets",
        partial(nets.mlp, outputs=100),
        (1_000, 100),
        FEW,
        numbered(100),
        without=LONG,
        compared=False,
    ),
    Case(
        "MLP, 200 × 100, 1,000 targets",
        partial(nets.mlp, outputs=1_000),
        (200, 100),
        FEW,
        numbered(1_000),
        without=LONG,
        compared=False,
    ),
    Case("ResNet-50, ten targets", nets.resnet50, (1, 3, 224, 224), FEW[:2], numbered(10), compared=False),
    Case("small conv, 100 targets", nets.small_conv, (8, 3, 64, 64), FEW, numbered(100), without=LONG, compared=False),
    Case(
        "small conv, 1,000 targets",
        partial(small_conv, outputs=1_000),
        (8, 3, 64, 64),
        FEW[:2],
        numbered(1_000),
        compared=False,
        long=True,
    ),
    Case("small conv, 50 steps", nets.small_conv, (8, 3, 64, 64), STEPS),
    Case("MLP, 1,000 × 100, 50 steps", nets.mlp, (1_000, 100), STEPS),
    Case("small MLP, DeepShap 200 × 100 × 10", nets.small_mlp, (200, 100), ("deepshap",), numbered(10), quick=True),
)
