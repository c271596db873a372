"""MultiHeadAttention of com.microsoft, and its form for one new token: softmax(Q Kᵀ scale + mask) V."""

from __future__ import annotations

from dataclasses import dataclass

from ..body import Body
from ..heads import END, apart, scale_of
from .attend import attend, own_scale
from .masks import readable
from .parts import added, cut, listed, pieces, whole_numbers


@dataclass(frozen=True)
class Places:
    """At which inputs an operator has what the others have elsewhere."""

    bias: int
    mask: int
    attention_bias: int
    past: int
    length: int  # how much of a buffer that past and present share is filled
    beams: int  # what only beam search writes


MULTI_HEAD = Places(bias=3, mask=4, attention_bias=5, past=6, length=8, beams=9)
DECODER_MASKED = Places(bias=10, mask=3, attention_bias=4, past=5, length=7, beams=9)


def multi_head_attention(b: Body) -> None:
    _attention(b, MULTI_HEAD)


def decoder_masked_multi_head_attention(b: Body) -> None:
    """The same for a single query; its inputs stand in another order, it is never causal, and past and present may
    share a buffer."""
    _attention(b, DECODER_MASKED)


def _attention(b: Body, at: Places) -> None:
    """Q, K and V side by side or apart, or packed head by head; keys and values of an encoder come with their heads
    apart, without a bias.

    Not: the scores as an output, and beam search's reordering.
    """
    mask, past, bias = b.input(at.mask), b.input(at.past), b.input(at.bias)
    ranks = b.rank(b.input(0)), b.rank(b.input(1))
    packed = not b.input(2)
    filled, encoded = b.input(at.length) if past else "", ranks[1] == 4
    shares = bool(past) and bool(b.attr("past_present_share_buffer", 0))
    if b.input(at.beams) or b.output(3) or shares != bool(filled) or (encoded and past):
        return
    if not readable(b, mask, (1, 2, 3)) or None in ranks[: 2 if b.input(1) else 1] or (packed and bias):
        return
    q, k, v = _unpacked(b) if packed else _apart(b, bias, encoded)
    new = k
    if past:
        k, v = (_with_past(b, x, b.input(at.past + i), filled, b.output(1 + i)) for i, x in enumerate((k, v)))
    else:
        for name, value in ((b.output(1), k), (b.output(2), v)):
            if name:
                b("Identity", value, result=name)
    width = b.size(b.input(0), -1)
    if width is not None and ranks[0] == 3:
        width //= b.attr("num_heads")
    scale = scale_of(b, own_scale(b), width, q)
    causal = at is MULTI_HEAD and b.attr("unidirectional", 0)
    before = b("Sub", b.length(k, 2), b.length(new, 2)) if causal else None
    attend(b, q, k, v, scale, bias=b.input(at.attention_bias), mask=mask, before=before, result=b.output(0))


def _with_past(b: Body, new: str, past: str, filled: str, result: str) -> str:
    """Past and new ones; `filled`: how much of the past is, where it is a buffer, all of which `result` is then."""
    if not filled:
        return b("Concat", past, new, axis=2, result=result or None)
    end = listed(b, whole_numbers(b, filled))
    both = b("Concat", cut(b, past, b.ints(0), end, 2), new, axis=2)
    if result:
        rest = cut(b, past, b("Add", end, b.ints(1)), b.ints(END), 2)
        b("Concat", both, rest, axis=2, result=result)
    return both


def _unpacked(b: Body) -> tuple[str, ...]:
    """From (sample, position, head, Q K V or K V, feature)."""
    if b.input(1):
        parts = pieces(b, b.input(1), 3, (1, 1), ("K", "V"))
        apart_already = [b("Transpose", b.with_axes("Squeeze", p, [3]), perm=[0, 2, 1, 3]) for p in parts]
        return apart(b, b.input(0), b.attr("num_heads")), *apart_already
    parts = pieces(b, b.input(0), 3, (1, 1, 1), ("Q", "K", "V"))
    return tuple(b("Transpose", b.with_axes("Squeeze", p, [3]), perm=[0, 2, 1, 3]) for p in parts)


def _apart(b: Body, bias: str, encoded: bool) -> tuple[str, ...]:
    """Each with its share of the bias, and its heads apart."""
    heads, q = b.attr("num_heads"), b.input(0)
    if encoded:
        own = _share(b, bias, 0, 1) if bias else ""
        return apart(b, added(b, q, own, "biased Q"), heads), b.input(1), b.input(2)
    shares = [_share(b, bias, i, i + 1 if i < 2 else None) if bias else "" for i in range(3)]
    return tuple(apart(b, added(b, b.input(i), s, f"biased {'QKV'[i]}"), heads) for i, s in enumerate(shares))


def _share(b: Body, bias: str, start: int, end: int | None) -> str:
    """The bias of Q, K or V; Q and K are equally wide."""
    width = b.size(b.input(0), -1)
    if width is not None:
        return cut(b, bias, b.ints(start * width), b.ints(END if end is None else end * width), 0)
    wide = listed(b, b.length(b.input(0), 2))
    to = b.ints(END) if end is None else b("Mul", wide, b.ints(end))
    return cut(b, bias, b("Mul", wide, b.ints(start)), to, 0)
