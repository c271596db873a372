"""onnxruntime's quantised operators without weights: what they stand for, computed as floating numbers and rounded again."""

from __future__ import annotations

import math
from typing import Any

from ..body import Body
from .parts import factor, moved, number, real, rounded, steps

POOL = ("auto_pad", "ceil_mode", "count_include_pad", "kernel_shape", "pads", "strides")


def q_linear_add(b: Body) -> None:
    """round((a − z_a) s_a / s_c + (b − z_b) s_b / s_c + z_c)."""
    terms = [real(b, b.input(i), b("Div", b.input(i + 1), b.input(6)), b.input(i + 2)) for i in (0, 3)]
    rounded(b, b("Add", *terms, at="sum"), number(b, 1.0), b.input(7), b.input(0), together=True)


def q_linear_mul(b: Body) -> None:
    """round((a − z_a)(b − z_b) · s_a s_b / s_c + z_c)."""
    product = b("Mul", *(steps(b, b.input(i), b.input(i + 2)) for i in (0, 3)), at="product")
    scale = factor(b, b.input(1), b.input(4), b.input(6))
    rounded(b, product, scale, b.input(7), b.input(0), inverse=True, together=True)


def q_linear_concat(b: Body) -> None:
    parts = [real(b, *b.node.input[i : i + 3]) for i in range(2, len(b.node.input), 3)]
    rounded(b, b("Concat", *parts, axis=b.attr("axis"), at="side by side"), b.input(0), b.input(1))


def q_linear_where(b: Body) -> None:
    x, y = (real(b, b.input(i), b.input(i + 1), b.input(i + 2)) for i in (1, 4))
    rounded(b, b("Where", b.input(0), x, y, at="chosen"), b.input(7), b.input(8), b.input(1))


def q_linear_leaky_relu(b: Body) -> None:
    _of_one(b, "LeakyRelu", alpha=b.attr("alpha", 0.01))


def q_linear_sigmoid(b: Body) -> None:
    _of_one(b, "Sigmoid")


def q_linear_softmax(b: Body) -> None:
    """softmax in steps of 1 / floor(1 / s_y), as onnxruntime counts them; before opset 13 over all axes from `axis` on."""
    x = real(b, b.input(0), b.input(1), b.input(2), at="input")
    old = b.attr("opset", 13) < 13
    axis = b.attr("axis", 1 if old else -1)
    if not old or axis in (-1, (b.rank(b.input(0)) or math.inf) - 1):
        y = b("Softmax", x, axis=axis, at="softmax")
    else:
        flat = b("Softmax", b("Flatten", x, axis=axis), axis=-1, at="softmax")
        y = b("Reshape", flat, b("Shape", x))
    count = b("Floor", b("Div", number(b, 1.0), b.input(3)))
    rounded(b, y, count, b.input(4), b.input(0), inverse=True)


def q_linear_average_pool(b: Body) -> None:
    x = real(b, b.input(0), b.input(1), b.input(2), at="input")
    y = _pooled(b, x, "AveragePool", **{k: b.attr(k) for k in POOL})
    rounded(b, y, b.input(3), b.input(4), b.input(0))


def q_linear_global_average_pool(b: Body) -> None:
    """The mean of steps, then scaled: what is the same everywhere stays itself."""
    y = _pooled(b, steps(b, b.input(0), b.input(2), at="input"), "GlobalAveragePool")
    rounded(b, y, b("Div", b.input(1), b.input(3)), b.input(4), b.input(0), inverse=True)


def _of_one(b: Body, op: str, **attributes: Any) -> None:
    x = real(b, b.input(0), b.input(1), b.input(2), at="input")
    rounded(b, b(op, x, at=op, **attributes), b.input(3), b.input(4), b.input(0))


def _pooled(b: Body, x: str, op: str, **attributes: Any) -> str:
    """A mean over the spatial axes, wherever the channels are."""
    last, rank = bool(b.attr("channels_last", 0)), b.rank(b.input(0))
    y = b(op, moved(b, x, rank, back=False) if last else x, at="mean", **attributes)
    return moved(b, y, rank, back=True) if last else y
