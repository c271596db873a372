"""Products with transposes, a factor and an activation inside."""

from __future__ import annotations

from ..body import Body
from .activations import activated, activation_of
from .parts import added


def fused_matmul(b: Body) -> None:
    """alpha · A B, with the last two axes of A or B exchanged, or their first one moved behind the batch; then, in
    FusedMatMulActivation, an activation. A vector stays as it is."""
    turns = [_turn(b, i, side) for i, side in ((0, "A"), (1, "B"))]
    act = activation_of(b)
    if act is None or None in turns:
        return
    a, c = (b("Transpose", b.input(i), perm=t) if t else b.input(i) for i, t in enumerate(turns))
    alpha = b.attr("alpha", 1.0)
    plain = alpha == 1 and not act[0]
    y = b("MatMul", a, c, at="product", result=b.output(0) if plain else None)
    if alpha != 1:
        y = b("Mul", y, b.number(alpha), at="scaled", result=None if act[0] else b.output(0))
    if act[0]:
        activated(b, y, act, b.output(0))


def _turn(b: Body, i: int, side: str) -> list[int] | None:
    """The order of the axes of input i; [] where it stays; None where its rank would have to be known."""
    inner, outer = b.attr(f"trans{side}", 0), b.attr(f"transBatch{side}", 0)
    if not inner and not outer:
        return []
    rank = b.rank(b.input(i))
    if rank is None:
        return None
    if rank < 2:
        return []
    order = [*range(1, rank - 1), 0, rank - 1] if outer else list(range(rank))
    if inner:
        order[-2:] = order[:-3:-1]
    return order if order != list(range(rank)) else []


def fused_gemm(b: Body) -> None:
    """Gemm, then an activation."""
    act = activation_of(b)
    if act is None:
        return
    names = ("alpha", "beta", "transA", "transB")
    given = {n: b.attr(n) for n in names}
    activated(b, b("Gemm", *b.node.input, at="product", **given), act, b.output(0))


def gemm_fast_gelu(b: Body) -> None:
    """FastGelu(X W + bias)."""
    y = added(b, b("MatMul", b.input(0), b.input(1), at="product"), b.input(2))
    activated(b, y, ("FastGelu", {}), b.output(0))
