"""Sums over axes of a function, and functions of sums over axes."""

from __future__ import annotations

from .body import Body


def l1(b: Body) -> None:
    """Σ |x|."""
    _sum(b, b("Abs", b.input(0)), b.output(0))


def l2(b: Body) -> None:
    """√ Σ x²."""
    b("Sqrt", _sum(b, b.power(b.input(0), 2)), result=b.output(0))


def sum_square(b: Body) -> None:
    """Σ x²."""
    _sum(b, b.power(b.input(0), 2), b.output(0))


def log_sum(b: Body) -> None:
    """log Σ x."""
    b("Log", _sum(b, b.input(0)), result=b.output(0))


def _sum(b: Body, terms: str, result: str | None = None) -> str:
    """Over the node's axes: an attribute before opset 18, where ReduceSum has had them as an input since 13."""
    keep, axes = b.attr("keepdims", 1), b.attr("axes")
    if b.opset < 13:
        return b("ReduceSum", terms, at="sum", result=result, axes=axes, keepdims=keep)
    given = b.ints(*axes) if axes else b.input(1)
    rest = {"keepdims": keep, "noop_with_empty_axes": b.attr("noop_with_empty_axes", 0)}
    return b("ReduceSum", terms, *([given] if given else []), at="sum", result=result, **rest)
