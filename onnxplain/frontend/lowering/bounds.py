"""Functions with corners whose parameters are computed at run time, by maximum and minimum."""

from __future__ import annotations

from .body import Body


def clip(b: Body) -> None:
    """min(max(x, low), high)."""
    if not b.varies(1, 2):
        return
    y, low, high = b.input(0), b.input(1), b.input(2)
    if low:
        y = b("Max", y, low, result=None if high else b.output(0))
    if high:
        b("Min", y, high, result=b.output(0))


def prelu(b: Body) -> None:
    """max(x, 0) + slope · min(x, 0)."""
    if not b.varies(1):
        return
    x, zero = b.input(0), b.number(0.0)
    below = b("Mul", b.input(1), b("Min", x, zero, at="negative"), at="below")
    b("Add", b("Max", x, zero, at="positive"), below, result=b.output(0))
