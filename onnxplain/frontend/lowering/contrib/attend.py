"""softmax(Q Kᵀ scale + what is added) V for heads that stand apart."""

from __future__ import annotations

from ..body import Body
from ..heads import at_most, counted, scores_of, seen, together
from .masks import lowered


def attend(
    b: Body, q: str, k: str, v: str, scale: str, *, bias: str, mask: str, before: str | None, result: str
) -> None:
    """`bias`: what is added to the scores; `mask`: which keys count; `before`: how many keys came before the first
    query, where no query sees the keys after it (None: all see all)."""
    scores = scores_of(b, q, k, scale)
    if bias:
        scores = b("Add", scores, bias, at="biased")
    if mask:
        scores = lowered(b, mask, b.input(0), scores, b.attr("mask_filter_value", -10000.0))
    conditions = [causal(b, b.length(q, 2), b.length(k, 2), before)] if before is not None else []
    weights = b("Softmax", seen(b, scores, conditions), axis=-1, at="softmax")
    together(b, b("MatMul", weights, v, at="heads"), result)


def causal(b: Body, queries: str, keys: str, before: str) -> str:
    """(query, key): not after itself."""
    rows = b("Add", b.with_axes("Unsqueeze", counted(b, queries), [1]), before)
    return at_most(b, counted(b, keys), rows)


def own_scale(b: Body) -> float | None:
    """The attribute; 0 stands for 1/√(features of a head)."""
    return b.attr("scale", 0.0) or None
