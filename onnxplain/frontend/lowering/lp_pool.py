"""LpPool and GlobalLpPool: (Σ |x|^p)^(1/p) over windows, or over all spatial axes."""

from __future__ import annotations

from .body import Body


def lp_pool(b: Body) -> None:
    p = b.attr("p", 2)
    attributes = {k: v for k, v in b.attributes.items() if k != "p"}
    _root(b, b("SumPool", _powers(b, p), at="sum", **attributes), p)


def global_lp_pool(b: Body) -> None:
    p, rank = b.attr("p", 2), b.rank(b.input(0))
    if rank is not None:
        _root(b, b.with_axes("ReduceSum", _powers(b, p), range(2, rank), at="sum"), p)


def _powers(b: Body, p: int) -> str:
    size = b.input(0) if p % 2 == 0 else b("Abs", b.input(0))
    return size if p == 1 else b.power(size, p)


def _root(b: Body, total: str, p: int) -> None:
    if p == 1:
        b("Identity", total, result=b.output(0))
    elif p == 2:
        b("Sqrt", total, result=b.output(0))
    else:
        b.power(total, 1 / p, result=b.output(0))
