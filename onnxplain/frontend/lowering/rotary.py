"""Rotary position embedding: pairs of features turned by an angle that grows with the position (Su et al. 2021)."""

from __future__ import annotations

from .body import Body
from .heads import END, apart, together


def rotary_embedding(b: Body) -> None:
    """(x₁ cos − x₂ sin, x₁ sin + x₂ cos) for the two halves of a head's features, or its even and odd ones; features
    beyond `rotary_embedding_dim` stay."""
    x, positions = b.input(0), b.input(3)
    flat = b.rank(x) == 3 or (b.rank(x) is None and bool(b.attr("num_heads", 0)))
    if flat:
        x = apart(b, x, b.attr("num_heads"))
    cos, sin = (_angles(b, b.input(i), positions, at) for i, at in ((1, "cos"), (2, "sin")))
    turned, rest = x, None
    if n := b.attr("rotary_embedding_dim", 0):
        turned, rest = _slice(b, x, 0, n), _slice(b, x, n, END)
    if b.attr("interleaved", 0):
        x1, x2 = _slice(b, turned, 0, END, 2), _slice(b, turned, 1, END, 2)
    else:
        half = b.with_axes("Unsqueeze", b.length(cos, 3), [0])
        last = b.ints(-1)
        x1 = b("Slice", turned, b.ints(0), half, last)
        x2 = b("Slice", turned, half, b.ints(END), last)
    real = b("Sub", b("Mul", x1, cos), b("Mul", x2, sin), at="real")
    imaginary = b("Add", b("Mul", x1, sin), b("Mul", x2, cos), at="imaginary")
    if b.attr("interleaved", 0):
        pairs = [b.with_axes("Unsqueeze", v, [-1]) for v in (real, imaginary)]
        y = b("Reshape", b("Concat", *pairs, axis=-1), b.ints(0, 0, 0, -1))
    else:
        y = b("Concat", real, imaginary, axis=-1)
    if rest is not None:
        y = b("Concat", y, rest, axis=-1)
    if flat:
        y = together(b, y)
    b("Identity", y, result=b.output(0))


def _angles(b: Body, table: str, positions: str, at: str) -> str:
    """(sample, 1, position, pair): a row of the table per position, or the table itself.

    Where only positions vary nothing is explained through the angles: products would share half with them.
    """
    rows = b("Gather", table, positions, axis=0) if positions else table
    if positions and table in b.constants and positions not in b.constants:
        rows = b("Hold", rows, domain="onnxplain", at=f"held {at}")
    return b.with_axes("Unsqueeze", rows, [1], at=at)


def _slice(b: Body, x: str, start: int, end: int, step: int = 1) -> str:
    return b("Slice", x, b.ints(start), b.ints(end), b.ints(-1), b.ints(step))
