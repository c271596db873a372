"""Rotary position embedding: pairs of features turned by an angle that grows with the position (Su et al. 2021)."""

from __future__ import annotations

from .body import Body

END = 2**31 - 1


def rotary_embedding(b: Body) -> None:
    """(x₁ cos − x₂ sin, x₁ sin + x₂ cos) for the two halves of a head's features, or its even and odd ones; features
    beyond `rotary_embedding_dim` stay."""
    x, positions = b.input(0), b.input(3)
    flat = b.rank(x) == 3 or (b.rank(x) is None and bool(b.attr("num_heads", 0)))
    if flat:
        x = b("Transpose", b("Reshape", x, b.ints(0, 0, b.attr("num_heads"), -1)), perm=[0, 2, 1, 3])
    cos, sin = (_angles(b, b.input(i), positions, at) for i, at in ((1, "cos"), (2, "sin")))
    turned, rest = x, None
    if n := b.attr("rotary_embedding_dim", 0):
        turned, rest = _slice(b, x, 0, n), _slice(b, x, n, END)
    if b.attr("interleaved", 0):
        x1, x2 = _slice(b, turned, 0, END, 2), _slice(b, turned, 1, END, 2)
    else:
        half = b("Unsqueeze", b.length(cos, 3), b.ints(0))
        last = b.ints(-1)
        x1 = b("Slice", turned, b.ints(0), half, last)
        x2 = b("Slice", turned, half, b.ints(END), last)
    real = b("Sub", b("Mul", x1, cos), b("Mul", x2, sin), at="real")
    imaginary = b("Add", b("Mul", x1, sin), b("Mul", x2, cos), at="imaginary")
    if b.attr("interleaved", 0):
        pairs = [b("Unsqueeze", v, b.ints(-1)) for v in (real, imaginary)]
        y = b("Reshape", b("Concat", *pairs, axis=-1), b.ints(0, 0, 0, -1))
    else:
        y = b("Concat", real, imaginary, axis=-1)
    if rest is not None:
        y = b("Concat", y, rest, axis=-1)
    if flat:
        y = b("Reshape", b("Transpose", y, perm=[0, 2, 1, 3]), b.ints(0, 0, -1))
    b("Identity", y, result=b.output(0))


def _angles(b: Body, table: str, positions: str, at: str) -> str:
    """(sample, 1, position, pair): a row of the table per position, or the table itself."""
    rows = b("Gather", table, positions, axis=0) if positions else table
    return b("Unsqueeze", rows, b.ints(1), at=at)


def _slice(b: Body, x: str, start: int, end: int, step: int = 1) -> str:
    return b("Slice", x, b.ints(start), b.ints(end), b.ints(-1), b.ints(step))
