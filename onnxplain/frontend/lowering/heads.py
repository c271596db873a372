"""The pieces of every attention: heads taken apart and put together, scores, which keys a query may see, weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from onnx import TensorProto

from .body import Body

END = 2**31 - 1


def apart(b: Body, x: str, heads: int) -> str:
    """(sample, position, head · feature) → (sample, head, position, feature)."""
    return b("Transpose", b("Reshape", x, b.ints(0, 0, heads, -1)), perm=[0, 2, 1, 3])


def together(b: Body, y: str, result: str | None = None) -> str:
    """(sample, head, position, feature) → (sample, position, head · feature)."""
    return b("Reshape", b("Transpose", y, perm=[0, 2, 1, 3]), b.ints(0, 0, -1), result=result)


def repeated(b: Body, value: str, ours: int | None, theirs: int | None, at: str) -> str:
    """Every head of K or V as often as there are heads of Q for it."""
    if ours is None or theirs is None or ours == theirs:  # a matrix product repeats a single one by itself
        return value
    return b("Gather", value, b.ints(*(h * theirs // ours for h in range(ours))), axis=1, at=f"repeated {at}")


def scores_of(b: Body, q: str, k: str, scale: str) -> str:
    """Q Kᵀ · scale."""
    return b("Mul", b("MatMul", q, b("Transpose", k, perm=[0, 1, 3, 2]), at="products"), scale, at="scores")


def capped(b: Body, scores: str, cap: float) -> str:
    """c tanh(scores / c); the scores themselves where c is 0."""
    if not cap:
        return scores
    c = b.number(cap)
    return b("Mul", b("Tanh", b("Div", scores, c)), c, at="capped")


def scale_of(b: Body, scale: float | None, width: int | None, q: str) -> str:
    """The factor that is given, else 1/√(features of a head)."""
    if scale is not None:
        return b.number(scale)
    if width is not None:
        return b.number(1 / math.sqrt(width))
    return b("Reciprocal", b("Sqrt", b("Cast", b.length(q, 3), to=TensorProto.FLOAT)))


def all_of(b: Body, conditions: Sequence[str]) -> str:
    allowed = conditions[0]
    for c in conditions[1:]:
        allowed = b("And", allowed, c)
    return allowed


def seen(b: Body, scores: str, conditions: Sequence[str]) -> str:
    """The scores with −∞ where a query may not attend."""
    if not conditions:
        return scores
    return b("Where", all_of(b, conditions), scores, b.number(-math.inf), at="masked")


def counted(b: Body, length: str) -> str:
    """0, 1, 2 … below a length."""
    return b("Range", b.whole(0), length, b.whole(1))


def at_most(b: Body, x: str, y: str) -> str:
    """x ≤ y; written so that opsets before 12 know it."""
    return b("Not", b("Greater", x, y))


def stacked(b: Body, before: str, new: str, at: str, result: str | None = None) -> str:
    """Past keys or values, and the new ones behind them."""
    return b("Concat", before, new, axis=2, at=at, result=result)
