"""Gelu behind a bias, or beside a gate."""

from __future__ import annotations

from ..body import Body
from .parts import MICROSOFT, added, pieces


def bias_gelu(b: Body) -> None:
    """Gelu(A + B)."""
    b("Gelu", b("Add", b.input(0), b.input(1), at="biased"), result=b.output(0), at="Gelu", domain=MICROSOFT)


def fast_gelu(b: Body) -> None:
    """FastGelu(X + bias); without a bias it has a layer."""
    if b.input(1):
        b(
            "FastGelu",
            b("Add", b.input(0), b.input(1), at="biased"),
            result=b.output(0),
            at="FastGelu",
            domain=MICROSOFT,
        )


def bias_split_gelu(b: Body) -> None:
    """left · Gelu(right), the two halves of X + bias."""
    left, right = pieces(b, added(b, b.input(0), b.input(1)), -1, None, ("left", "right"))
    b("Mul", left, b("Gelu", right, at="Gelu", domain=MICROSOFT), at="gated", result=b.output(0))
