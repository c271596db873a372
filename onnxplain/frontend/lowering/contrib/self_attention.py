"""com.microsoft's Attention: Q, K and V from one product, then softmax(Q Kᵀ scale + mask) V."""

from __future__ import annotations

from ..body import Body
from ..heads import apart, scale_of, stacked
from .attend import attend, own_scale
from .masks import readable
from .parts import added, pieces


def attention(b: Body) -> None:
    """The weights of Q, K and V stand side by side; past keys and values lie in one value, keys first.

    Not: rotary embedding inside (nor does onnxruntime on the CPU), a buffer shared by past and present, and masks of
    four axes.
    """
    x, mask, past = b.input(0), b.input(3), b.input(4)
    heads, sizes = b.attr("num_heads"), b.attr("qkv_hidden_sizes")
    if b.attr("do_rotary", 0) or b.attr("past_present_share_buffer", 0) or not readable(b, mask, (1, 2, 3)):
        return
    projected = added(b, b("MatMul", x, b.input(1), at="product"), b.input(2), "projected")
    q, k, v = (apart(b, p, heads) for p in pieces(b, projected, -1, sizes, ("Q", "K", "V")))
    new = k
    if past:
        old = [b.with_axes("Squeeze", p, [0]) for p in pieces(b, past, 0, (1, 1), ("past keys", "past values"))]
        k, v = stacked(b, old[0], k, "keys"), stacked(b, old[1], v, "values")
    if b.output(1):
        both = (b.with_axes("Unsqueeze", p, [0]) for p in (k, v))
        b("Concat", *both, axis=0, result=b.output(1))
    width = sizes[0] if sizes else _third(b)
    scale = scale_of(b, own_scale(b), None if width is None else width // heads, q)
    before = b("Sub", b.length(k, 2), b.length(new, 2)) if b.attr("unidirectional", 0) else None
    attend(b, q, k, v, scale, bias=b.input(5), mask=mask, before=before, result=b.output(0))


def _third(b: Body) -> int | None:
    columns = b.size(b.input(1), -1)
    return None if columns is None else columns // 3
