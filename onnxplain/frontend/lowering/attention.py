"""softmax(Q Kᵀ scale + mask) V as its parts: two matrix products, a factor, a sum with the mask and a softmax."""

from __future__ import annotations

import math

from onnx import TensorProto

from .body import Body
from .heads import apart, at_most, capped, counted, repeated, scale_of, scores_of, seen, stacked, together


def attention(b: Body) -> None:
    """The Attention operator of opset 23 and later: masks, causal masks, windows, fewer heads for K and V than for Q,
    past keys and values, a soft cap. A query that may attend to nothing attends to nothing: its result is 0."""
    q, k, v = (_heads(b, b.input(i), "kv_num_heads" if i else "q_num_heads") for i in range(3))
    past = b.input(4)
    if past:
        k = stacked(b, past, k, "keys", b.output(1) or None)
        v = stacked(b, b.input(5), v, "values", b.output(2) or None)
    elif b.output(1):
        b("Identity", k, result=b.output(1))
        b("Identity", v, result=b.output(2))
    k, v = _repeated(b, k, "keys"), _repeated(b, v, "values")
    scores = scores_of(b, q, k, scale_of(b, b.attr("scale"), _width(b), q))
    limited = capped(b, scores, b.attr("softcap", 0.0))
    masked = _masked(b, limited, b.input(3), past, b.input(6))
    weights = _softmax(b, masked) if b.input(3) or b.input(6) else b("Softmax", masked, axis=-1, at="softmax")
    y = b("MatMul", weights, v, at="heads", result=None if _flat(b) else b.output(0))
    if _flat(b):
        together(b, y, b.output(0))
    if b.output(3):
        stages = (scores, limited, masked, weights)
        b("Identity", stages[b.attr("qk_matmul_output_mode", 0)], result=b.output(3))


def _flat(b: Body) -> bool:
    """Whether Q, K and V have their heads side by side in one axis."""
    rank = b.rank(b.input(0))
    return rank == 3 or (rank is None and b.attr("q_num_heads") is not None)


def _heads(b: Body, value: str, count: str) -> str:
    """(sample, head, position, feature)."""
    return apart(b, value, b.attr(count)) if _flat(b) else value


def _repeated(b: Body, value: str, at: str) -> str:
    flat = _flat(b)
    ours = b.attr("q_num_heads") if flat else b.size(b.input(0), 1)
    theirs = b.attr("kv_num_heads") if flat else b.size(b.input(1), 1)
    return repeated(b, value, ours, theirs, at)


def _width(b: Body) -> int | None:
    """How many features a head has."""
    width = b.size(b.input(0), -1)
    return width // b.attr("q_num_heads") if width is not None and _flat(b) else width


def _masked(b: Body, scores: str, mask: str, past: str, lengths: str) -> str:
    """The scores with −∞ where a query may not attend. A boolean mask is a condition, so that it is no value to explain."""
    conditions = _conditions(b, scores, past, lengths)
    t = b.types.get(mask)
    if mask and t is not None and t.elem_type == TensorProto.BOOL:
        conditions.append(_padded(b, mask, past, boolean=True))
    elif mask:
        scores = b("Add", scores, _padded(b, mask, past, boolean=False), at="biased")
    return seen(b, scores, conditions)


def _softmax(b: Body, masked: str) -> str:
    """softmax, and 0 where all scores are −∞, for which softmax itself has no value."""
    some = b("Greater", b("ReduceMax", masked, b.ints(-1), keepdims=1), b.number(-math.inf))
    weights = b("Softmax", b("Where", some, masked, b.number(0.0)), axis=-1, at="softmax")
    return b("Where", some, weights, b.number(0.0), at="weights")


def _padded(b: Body, mask: str, past: str, boolean: bool) -> str:
    """With −∞, or False, for the last keys where the mask is too short for them."""
    keys, before = b.size(b.input(1), 1 if _flat(b) else 2), b.size(past, 2) if past else 0
    length, rank = b.size(mask, -1), b.rank(mask)
    if keys is None or before is None or length is None or rank is None or not 1 < length < keys + before:
        return mask
    pads = b.ints(*[0] * (2 * rank - 1), keys + before - length)
    if not boolean:
        return b("Pad", mask, pads, b.number(-math.inf))
    return b("Cast", b("Pad", b("Cast", mask, to=TensorProto.INT64), pads), to=TensorProto.BOOL)


def _conditions(b: Body, scores: str, past: str, lengths: str) -> list[str]:
    """Which key each query may see: not after itself, not outside a window, not beyond the sample's own length."""
    causal = b.attr("is_causal", 0)
    left, right = b.attr("left_window_size", -1), b.attr("right_window_size", -1)
    if causal:
        right = 0
    if left < 0 and right < 0 and not lengths:
        return []
    keys = counted(b, b.length(scores, 3))  # (key,)
    conditions = []
    if lengths:
        ends = b("Unsqueeze", b("Cast", lengths, to=TensorProto.INT64), b.ints(1, 2, 3))  # (sample, 1, 1, 1)
        conditions.append(b("Less", keys, ends))
    if left >= 0 or right >= 0:
        queries = b.length(scores, 2)
        rows = b("Unsqueeze", counted(b, queries), b.ints(1))  # (query, 1)
        if past:
            rows = b("Add", rows, b.length(past, 2))
        elif lengths:
            rows = b("Add", rows, b("Sub", ends, queries))
        if right >= 0:
            conditions.append(at_most(b, keys, b("Add", rows, b.whole(right))))
        if left >= 0:
            conditions.append(at_most(b, b("Sub", rows, b.whole(left)), keys))
    return conditions
