"""Convolutions and matrix products of whole numbers, exact as long as their sums are below 2²⁴ (2⁵³ in float64)."""

from __future__ import annotations

from typing import Any

from onnx import TensorProto

from ..body import Body
from .parts import factor, measured, moved, number, rounded, steps

WINDOW = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")


def q_linear_conv(b: Body) -> None:
    """round((Σ (x − z_x)(w − z_w) + bias) · s_x s_w / s_y) + z_y, the product of scales in single precision."""
    last = bool(b.attr("channels_last", 0))
    rank = b.rank(b.input(3))
    if last and rank is None:
        return
    x = steps(b, b.input(0), b.input(2), at="input")
    x = moved(b, x, rank, back=False) if last else x
    w = steps(b, b.input(3), b.input(5), axis=0, at="weights")
    bias = [b("Cast", b.input(8), to=TensorProto.FLOAT)] if b.input(8) else []
    sums = b("Conv", x, w, *bias, at="sums", **_window(b))
    sums = moved(b, sums, rank, back=True) if last else sums
    scale = factor(b, b.input(1), b.input(4), b.input(6))
    rounded(b, sums, scale, b.input(7), b.input(0), inverse=True, axis=-1 if last else 1)


def conv_integer(b: Body) -> None:
    x, w = steps(b, b.input(0), b.input(2), at="input"), steps(b, b.input(1), b.input(3), axis=0, at="weights")
    b("Conv", x, w, result=b.output(0), at="sums", **_window(b))


def q_linear_mat_mul(b: Body) -> None:
    """round(Σ (a − z_a)(b − z_b) · s_a s_b / s_y) + z_y; z_a and s_a one per row, z_b and s_b one per column."""
    sums = _sums(b, (b.input(0), b.input(2)), (b.input(3), b.input(5)))
    a_scale = b.input(1)
    if b.rank(a_scale) == 1 and b.size(a_scale, 0) != 1:
        a_scale = b("Reshape", a_scale, b.ints(-1, 1))
    rounded(b, sums, factor(b, a_scale, b.input(4), b.input(6)), b.input(7), b.input(0), inverse=True, axis=-1)


def mat_mul_integer(b: Body) -> None:
    _sums(b, (b.input(0), b.input(2)), (b.input(1), b.input(3)), result=b.output(0))


def mat_mul_integer_to_float(b: Body) -> None:
    sums = _sums(b, (b.input(0), b.input(4)), (b.input(1), b.input(5)))
    _scaled(b, sums, b("Mul", b.input(2), b.input(3)), b.input(6))


def dynamic_mat_mul(b: Body) -> None:
    """DynamicQuantizeMatMul: a rounded by the range that it has, times quantised weights."""
    scale, zero_point = measured(b, b.input(0))
    q = b("QuantizeLinear", b.input(0), scale, zero_point, at="rounded input")
    sums = _sums(b, (q, zero_point), (b.input(1), b.input(3)))
    _scaled(b, sums, b("Mul", scale, b.input(2)), b.input(4))


def q_gemm(b: Body) -> None:
    """α s_a s_b (A B + C), C in steps of α s_a s_b; rounded where a scale of the result is given."""
    flips = {k: b.attr(k, 0) for k in ("transA", "transB")}
    a = steps(b, b.input(0), b.input(2), at="input")
    w = steps(b, b.input(3), b.input(5), axis=0 if flips["transB"] else 1, at="weights")
    c = [b("Cast", b.input(6), to=TensorProto.FLOAT)] if b.input(6) else []
    sums = b("Gemm", a, w, *c, at="sums", **flips)
    scale = b("Mul", b.input(1), b.input(4))
    if (alpha := b.attr("alpha", 1.0)) != 1:
        scale = b("Mul", scale, number(b, alpha))
    if b.input(7):
        rounded(b, sums, b("Div", scale, b.input(7)), b.input(8), b.input(0), inverse=True, axis=-1)
    else:
        _scaled(b, sums, scale, "")


def _window(b: Body) -> dict[str, Any]:
    return {k: b.attr(k) for k in WINDOW}


def _sums(b: Body, a: tuple[str, str], w: tuple[str, str], result: str | None = None) -> str:
    """Σ (a − z_a)(w − z_w) of two matrices with their zero points."""
    left, right = steps(b, *a, axis=-2, at="input"), steps(b, *w, axis=-1, at="weights")
    return b("MatMul", left, right, result=result, at="sums")


def _scaled(b: Body, sums: str, scale: str, bias: str) -> None:
    y = b("Mul", sums, scale, at="scaled", result=None if bias else b.output(0))
    if bias:
        b("Add", y, bias, at="with bias", result=b.output(0))
