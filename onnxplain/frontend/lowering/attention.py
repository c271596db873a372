"""softmax(Q Kᵀ scale + mask) V as its parts: two matrix products, a factor, a sum with the mask and a softmax."""

from __future__ import annotations

import math

from onnx import TensorProto

from .body import Body


def attention(b: Body) -> None:
    """The Attention operator of opset 23 and later: masks, causal masks, windows, fewer heads for K and V than for Q,
    past keys and values, a soft cap. A query that may attend to nothing attends to nothing: its result is 0."""
    q, k, v = (_heads(b, b.input(i), "kv_num_heads" if i else "q_num_heads") for i in range(3))
    past = b.input(4)
    if past:
        k = b("Concat", past, k, axis=2, at="keys", result=b.output(1) or None)
        v = b("Concat", b.input(5), v, axis=2, at="values", result=b.output(2) or None)
    elif b.output(1):
        b("Identity", k, result=b.output(1))
        b("Identity", v, result=b.output(2))
    k, v = _repeated(b, k, "keys"), _repeated(b, v, "values")
    scores = b("Mul", b("MatMul", q, b("Transpose", k, perm=[0, 1, 3, 2]), at="products"), _scale(b, q), at="scores")
    capped = scores
    if cap := b.attr("softcap", 0.0):
        c = b.number(cap)
        capped = b("Mul", b("Tanh", b("Div", scores, c)), c, at="capped")
    masked = _masked(b, capped, b.input(3), past, b.input(6))
    weights = _softmax(b, masked) if b.input(3) or b.input(6) else b("Softmax", masked, axis=-1, at="softmax")
    y = b("MatMul", weights, v, at="heads", result=None if _flat(b) else b.output(0))
    if _flat(b):
        b("Reshape", b("Transpose", y, perm=[0, 2, 1, 3]), b.ints(0, 0, -1), result=b.output(0))
    if b.output(3):
        stages = (scores, capped, masked, weights)
        b("Identity", stages[b.attr("qk_matmul_output_mode", 0)], result=b.output(3))


def _flat(b: Body) -> bool:
    """Whether Q, K and V have their heads side by side in one axis."""
    rank = b.rank(b.input(0))
    return rank == 3 or (rank is None and b.attr("q_num_heads") is not None)


def _heads(b: Body, value: str, count: str) -> str:
    """(sample, head, position, feature)."""
    if not _flat(b):
        return value
    return b("Transpose", b("Reshape", value, b.ints(0, 0, b.attr(count), -1)), perm=[0, 2, 1, 3])


def _repeated(b: Body, value: str, at: str) -> str:
    """Every head of K or V as often as there are heads of Q for it."""
    flat = _flat(b)
    ours = b.attr("q_num_heads") if flat else b.size(b.input(0), 1)
    theirs = b.attr("kv_num_heads") if flat else b.size(b.input(1), 1)
    if ours is None or theirs is None or ours == theirs:  # a matrix product repeats a single one by itself
        return value
    return b("Gather", value, b.ints(*(h * theirs // ours for h in range(ours))), axis=1, at=f"repeated {at}")


def _scale(b: Body, q: str) -> str:
    if (scale := b.attr("scale")) is not None:
        return b.number(scale)
    width = b.size(b.input(0), -1)
    if width is not None:
        return b.number(1 / math.sqrt(width // b.attr("q_num_heads") if _flat(b) else width))
    return b("Reciprocal", b("Sqrt", b("Cast", b.length(q, 3), to=TensorProto.FLOAT)))


def _masked(b: Body, scores: str, mask: str, past: str, lengths: str) -> str:
    """The scores with −∞ where a query may not attend. A boolean mask is a condition, so that it is no value to explain."""
    conditions = _conditions(b, scores, past, lengths)
    t = b.types.get(mask)
    if mask and t is not None and t.elem_type == TensorProto.BOOL:
        conditions.append(_padded(b, mask, past, boolean=True))
    elif mask:
        scores = b("Add", scores, _padded(b, mask, past, boolean=False), at="biased")
    if not conditions:
        return scores
    allowed = conditions[0]
    for c in conditions[1:]:
        allowed = b("And", allowed, c)
    return b("Where", allowed, scores, b.number(-math.inf), at="masked")


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
    keys = b("Range", b.whole(0), b.length(scores, 3), b.whole(1))  # (key,)
    conditions = []
    if lengths:
        ends = b("Unsqueeze", b("Cast", lengths, to=TensorProto.INT64), b.ints(1, 2, 3))  # (sample, 1, 1, 1)
        conditions.append(b("Less", keys, ends))
    if left >= 0 or right >= 0:
        queries = b.length(scores, 2)
        rows = b("Unsqueeze", b("Range", b.whole(0), queries, b.whole(1)), b.ints(1))  # (query, 1)
        if past:
            rows = b("Add", rows, b.length(past, 2))
        elif lengths:
            rows = b("Add", rows, b("Sub", ends, queries))
        if right >= 0:
            conditions.append(b("LessOrEqual", keys, b("Add", rows, b.whole(right))))
        if left >= 0:
            conditions.append(b("GreaterOrEqual", keys, b("Sub", rows, b.whole(left))))
    return conditions
