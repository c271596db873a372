"""Convolutions and pooling with a sum and an activation inside, or with the channels last."""

from __future__ import annotations

from typing import Any

from ..body import Body
from .activations import activated, activation_of
from .parts import added

ATTRIBUTES = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides", "output_padding", "ceil_mode")


def _own(b: Body) -> dict[str, Any]:
    return {n: b.attr(n) for n in ATTRIBUTES}


def fused_conv(b: Body) -> None:
    """activation(X ∗ W + B + Z)."""
    act = activation_of(b)
    if act is not None:
        inputs = [v for i in range(3) if (v := b.input(i))]
        activated(b, added(b, b("Conv", *inputs, at="product", **_own(b)), b.input(3), "residual"), act, b.output(0))


def nhwc_conv(b: Body) -> None:
    """The same where X, Z and the result have their channels in the last axis; W has ONNX's own order."""
    act, rank = activation_of(b), b.rank(b.input(1))
    if act is None or rank is None:
        return
    first, last = _turns(rank)
    x = b("Transpose", b.input(0), perm=first, at="channels first")
    y = b("Conv", x, *(v for i in (1, 2) if (v := b.input(i))), at="product", **_own(b))
    y = b("Transpose", y, perm=last, at="channels last")
    activated(b, added(b, y, b.input(3), "residual"), act, b.output(0))


def nhwc_max_pool(b: Body) -> None:
    """Of images with their channels in the last axis."""
    first, last = _turns(len(b.attr("kernel_shape")) + 2)
    y = b("MaxPool", b("Transpose", b.input(0), perm=first, at="channels first"), at="pooled", **_own(b))
    b("Transpose", y, perm=last, result=b.output(0))


def _turns(rank: int) -> tuple[list[int], list[int]]:
    """Channels from the last axis to the second, and back."""
    return [0, rank - 1, *range(1, rank - 1)], [0, *range(2, rank), 1]
