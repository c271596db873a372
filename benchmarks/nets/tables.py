"""Nets for tables, and the chain of nodes that do next to nothing."""

from __future__ import annotations

from torch import nn

from .parts import Link, dense


def mlp(features: int = 100, width: int = 256, depth: int = 2, outputs: int = 10) -> nn.Module:
    """`features`, `depth` hidden layers of `width`, `outputs`."""
    return nn.Sequential(*dense(features, *[width] * depth, outputs))


def small_mlp() -> nn.Module:
    """100 features, two hidden layers of 64, 10 outputs."""
    return mlp(width=64)


def chain() -> nn.Module:
    """1,000 nodes that do next to nothing: 500 pairs of a 4 × 4 product and a ReLU."""
    layers: list[nn.Module] = []
    for _ in range(500):
        layers += [Link(), nn.ReLU()]
    return nn.Sequential(*layers)
