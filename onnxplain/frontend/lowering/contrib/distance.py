"""Distances between the rows of two matrices."""

from __future__ import annotations

from ..body import Body


def cdist(b: Body) -> None:
    """Σ (a_i − b_j)² over columns, or its root."""
    d = b("Sub", b.with_axes("Unsqueeze", b.input(0), [1]), b.with_axes("Unsqueeze", b.input(1), [0]), at="difference")
    squared = b.attr("metric", b"sqeuclidean") == b"sqeuclidean"
    total = b.with_axes("ReduceSum", b("Mul", d, d), [2], keepdims=0, result=b.output(0) if squared else None)
    if not squared:
        b("Sqrt", total, result=b.output(0))
