"""Sums that onnxruntime joins with what follows them: a residual, dropout, softmax."""

from __future__ import annotations

from ..body import Body
from .parts import added


def bias_add(b: Body) -> None:
    """X + bias + skip."""
    b("Add", b("Add", b.input(0), b.input(1), at="biased"), b.input(2), at="residual", result=b.output(0))


def bias_dropout(b: Body) -> None:
    """data + bias + residual, as at inference; a mask that is read has no meaning there."""
    if not b.output(1):
        residual = b.input(2)
        y = b("Add", b.input(0), b.input(1), at="biased", result=None if residual else b.output(0))
        if residual:
            added(b, y, residual, "residual", b.output(0))


def bitmask_dropout(b: Body) -> None:
    """The value itself, as at inference."""
    if not b.output(1):
        b("Identity", b.input(0), result=b.output(0))


def bias_softmax(b: Body) -> None:
    """softmax(data + bias) over `axis` and all later axes. With an inner broadcast the bias repeats along the axes just
    before `axis`, else along the first ones, which is how ONNX itself broadcasts."""
    rank, axis = b.rank(b.input(0)), b.attr("axis", 1)
    if rank is None or axis % rank != rank - 1 or (b.attr("is_inner_broadcast") and b.rank(b.input(1)) != rank):
        return
    b("Softmax", b("Add", b.input(0), b.input(1), at="biased"), axis=-1, at="softmax", result=b.output(0))
