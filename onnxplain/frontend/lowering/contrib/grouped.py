"""com.microsoft's GroupQueryAttention: fewer heads for K and V than for Q, each sample with its own number of keys."""

from __future__ import annotations

from dataclasses import dataclass

from ..body import Body
from ..heads import all_of, apart, at_most, capped, counted, repeated, scale_of, scores_of, seen, together
from .attend import own_scale
from .parts import cut, listed, pieces, whole_numbers
from .rotary import turned


@dataclass(frozen=True)
class Lengths:
    """Whole numbers of a run: new tokens; keys before them and keys in all, (sample, 1); keys of the longest sample."""

    queries: str
    before: str
    total: str
    longest: str


def group_query_attention(b: Body) -> None:
    """Past and new keys are put together sample by sample: `seqlens_k` says where the last key of each lies.

    Past, rotary embedding, windows, a soft cap, an attention bias, a sink beside the keys and norms of Q and K are
    written out. Not: quantised keys, a cache as long as the window, the scores as an output.
    """
    heads, shared = b.attr("num_heads"), b.attr("kv_num_heads")
    width, table = b.size(b.input(0), -1), b.size(b.input(7), -1) if b.input(7) else None
    windowed = b.attr("local_window_size", -1) > 0
    if b.input(12) or b.input(13) or b.output(3) or b.attr("sliding_window_cache", 0):
        return
    if windowed and not b.attr("causal", 1):  # nor does onnxruntime
        return
    size = None if width is None else width // (heads if b.input(1) else heads + 2 * shared)
    if b.attr("do_rotary", 0) and (size is None or table is None):
        return
    q, k, v = _given(b, heads, shared)
    q, k = _normed(b, q, 14, "normed Q"), _normed(b, k, 15, "normed K")
    n = _lengths(b, q)
    if b.attr("do_rotary", 0):
        part = 2 * table if size is not None and table is not None and 2 * table < size else 0
        rows = _positions(b, n)
        q, k = (_rotated(b, x, rows, part, at) for x, at in ((q, "rotated Q"), (k, "rotated K")))
    k, v = _all(b, k, 3, n, b.output(1)), _all(b, v, 4, n, b.output(2))
    k, v = repeated(b, k, heads, shared, "keys"), repeated(b, v, heads, shared, "values")
    scores = capped(b, scores_of(b, q, k, scale_of(b, own_scale(b), size, q)), b.attr("softcap", 0.0))
    if b.input(10):
        scores = b("Add", scores, b.input(10), at="biased")
    scores = seen(b, scores, [_sees(b, n)])
    together(b, b("MatMul", _weights(b, scores), v, at="heads"), b.output(0))


def _given(b: Body, heads: int, shared: int) -> tuple[str, ...]:
    """Q, K and V with their heads apart."""
    if b.input(1):
        return tuple(apart(b, b.input(i), shared if i else heads) for i in range(3))
    return tuple(pieces(b, apart(b, b.input(0), heads + 2 * shared), 1, (heads, shared, shared), ("Q", "K", "V")))


def _normed(b: Body, x: str, weight: int, at: str) -> str:
    """RMSNorm over the features of each head."""
    if not b.input(weight):
        return x
    epsilon = b.attr("qk_norm_epsilon", 1e-6)
    return b("SimplifiedLayerNormalization", x, b.input(weight), at=at, epsilon=epsilon, axis=-1)


def _lengths(b: Body, q: str) -> Lengths:
    """With no more keys than queries all of them are new: what the past holds is not read."""
    queries, longest = b.length(q, 2), b("Reshape", whole_numbers(b, b.input(6)), b.ints())
    total = b("Reshape", b("Add", whole_numbers(b, b.input(5)), b.whole(1)), b.ints(-1, 1), at="keys of each")
    first = b("Equal", longest, queries)
    before = b("Where", first, b.whole(0), b("Sub", total, queries), at="keys before")
    return Lengths(queries, before, total, longest)


def _positions(b: Body, n: Lengths) -> str:
    """(sample, position). Of the positions given, onnxruntime on the CPU reads each only where there is one new token;
    of more it counts on from the very first."""
    on = counted(b, n.queries)
    if not b.input(9):
        return b("Add", n.before, on, at="positions")
    given = whole_numbers(b, b.input(9))
    first = cut(b, b("Reshape", given, b.ints(-1)), b.ints(0), b.ints(1), 0)
    return b(
        "Where",
        b("Equal", n.queries, b.whole(1)),
        cut(b, given, b.ints(0), b.ints(1), 1),
        b("Add", first, on),
        at="positions",
    )


def _rotated(b: Body, x: str, rows: str, part: int, at: str) -> str:
    return turned(b, x, rows, b.input(7), b.input(8), at, b.attr("rotary_interleaved", 0), part)


def _all(b: Body, new: str, past: int, n: Lengths, result: str) -> str:
    """(sample, head, key, feature): the past of each sample and its new tokens directly behind it; `result` goes on,
    with zeros, as far as the past did."""
    if not b.input(past):
        if result:
            b("Identity", new, result=result)
        return new
    both, room = b("Concat", b.input(past), new, axis=2), b.length(b.input(past), 2)
    places = counted(b, b("Max", n.longest, room))
    at = b("Where", b("Less", places, n.before), places, b("Add", places, b("Sub", room, n.before)))
    at = b("Min", at, b("Sub", b.length(both, 2), b.whole(1)))  # places behind the last token: any will do
    heads, features = (cut(b, b("Shape", new), b.ints(i), b.ints(i + 1), 0) for i in (1, 3))
    shape = b("Concat", b.ints(1), heads, b.ints(1), features, axis=0)
    index = b("Expand", b.with_axes("Unsqueeze", at, [1, 3]), shape)
    laid = b("GatherElements", both, index, axis=2, at=f"laid {past}")
    if result:
        filled = b.with_axes("Unsqueeze", b("Less", places, b("Add", n.before, n.queries)), [1, 3])
        b("Where", filled, laid, b.number(0.0), result=result)
    return cut(b, laid, b.ints(0), listed(b, n.longest), 2)


def _sees(b: Body, n: Lengths) -> str:
    """(sample, 1, query, key): a key of its own sample, not after the query, not before its window."""
    keys = counted(b, n.longest)
    conditions = [b.with_axes("Unsqueeze", b("Less", keys, n.total), [1, 2])]
    if b.attr("causal", 1):
        rows = b.with_axes("Unsqueeze", b("Add", n.before, counted(b, n.queries)), [1, 3])
        conditions.append(at_most(b, keys, rows))
        if (window := b.attr("local_window_size", -1)) > 0:
            conditions.append(b("Greater", keys, b("Sub", rows, b.whole(window))))
    return all_of(b, conditions)


def _weights(b: Body, scores: str) -> str:
    """softmax; a sink takes part in it as one more key, whose value is 0."""
    sink = b.input(11)
    if not sink and b.attr("smooth_softmax", 0) != 1:
        return b("Softmax", scores, axis=-1, at="softmax")
    column = b("Reshape", sink, b.ints(1, -1, 1, 1)) if sink else b.number(0.0)
    shape = b("Concat", cut(b, b("Shape", scores), b.ints(0), b.ints(3), 0), b.ints(1), axis=0)
    beside = b("Concat", scores, b("Expand", column, shape), axis=-1, at="scores and sink")
    return cut(b, b("Softmax", beside, axis=-1, at="softmax"), b.ints(0), b.ints(-1), 3)
