"""com.microsoft's RotaryEmbedding: ONNX's own, with positions before the tables and a single first position allowed."""

from __future__ import annotations

from ..body import Body
from ..heads import apart, counted, together
from .parts import whole_numbers


def rotary_embedding(b: Body) -> None:
    """As ONNX's, which turns (x₁ cos − x₂ sin, x₁ sin + x₂ cos); onnxruntime does not read `scale` for tables that are
    long enough."""
    x, rank, at = b.input(0), b.rank(b.input(0)), b.rank(b.input(1))
    heads = b.attr("num_heads", 0)
    if rank is None or at is None:
        return
    if not heads and rank == 3:
        width, table = b.size(x, -1), b.size(b.input(2), -1)
        if width is None or table is None:
            return
        heads = width // (2 * table)
    q = apart(b, x, heads) if rank == 3 else x
    rows = whole_numbers(b, b.input(1))
    if at < 2:
        counts = b("Add", counted(b, b.length(q, 2)), b("Reshape", rows, b.ints(1)))
        rows = b.with_axes("Unsqueeze", counts, [0])
    interleaved, width = b.attr("interleaved", 0), b.attr("rotary_embedding_dim", 0)
    result = None if rank == 3 else b.output(0)
    y = turned(b, q, rows, b.input(2), b.input(3), "rotated", interleaved, width, result)
    if rank == 3:
        together(b, y, b.output(0))


def turned(
    b: Body, x: str, rows: str, cos: str, sin: str, at: str, interleaved: int, width: int = 0, result: str | None = None
) -> str:
    """x, of (sample, head, position, feature), turned by the angles in these rows of the tables."""
    return b(
        "RotaryEmbedding", x, cos, sin, rows, at=at, result=result, interleaved=interleaved, rotary_embedding_dim=width
    )
