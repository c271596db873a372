"""Normalizations behind a sum, or with an activation after them."""

from __future__ import annotations

from ..body import Body
from .activations import activated
from .parts import added


def skip_layer_normalization(b: Body) -> None:
    """norm(input + bias + skip); the bias belongs to the product before it, so it is added to that one first."""
    simple = b.node.op_type == "SkipSimplifiedLayerNormalization"
    if b.output(1) or b.output(2):
        return
    bias = b.input(3 if simple else 4)
    x = b("Add", added(b, b.input(0), bias), b.input(1), at="residual", result=b.output(3) or None)
    op = "SimplifiedLayerNormalization" if simple else "LayerNormalization"
    parameters = [p for p in (b.input(2), "" if simple else b.input(3)) if p]
    b(op, x, *parameters, at="normalized", result=b.output(0), epsilon=b.attr("epsilon", 1e-12), axis=-1)


def group_norm(b: Body) -> None:
    """Over the channels of a group and all places, then x σ(x) where `activation` says so; SkipGroupNorm adds `skip`
    and `bias` first.

    By ONNX's InstanceNormalization of one row per group, which every opset has; γ and β per channel follow.
    """
    skips = b.node.op_type == "SkipGroupNorm"
    x, rank = b.input(0), b.rank(b.input(0)) or 4
    if skips:
        x = b("Add", added(b, x, b.input(4)), b.input(3), at="residual", result=b.output(1) or None)
    last, groups = b.attr("channels_last", 1), b.attr("groups")
    if last:
        x = b("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)], at="channels first")
    rows = b("Reshape", x, b.ints(0, groups, -1))
    unit = [b.numbers(*[v] * groups) for v in (1.0, 0.0)]
    y = b("InstanceNormalization", rows, *unit, epsilon=b.attr("epsilon", 1e-5), at="normalized")
    y = b("Reshape", y, b("Shape", x))
    gamma, beta = (b.per_channel(b.input(i), rank) for i in (1, 2))
    y = b("Add", b("Mul", y, gamma, at="scaled"), beta, at="shifted")
    if last:
        y = b("Transpose", y, perm=[0, *range(2, rank), 1], at="channels last")
    activated(b, y, ("Silu" if b.attr("activation", 0) else "", {}), b.output(0))
