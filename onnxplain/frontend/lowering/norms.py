"""Normalizations whose scale, bias or statistics are computed at run time: the normalization, then product and sum."""

from __future__ import annotations

from .body import Body


def layer_norm(b: Body) -> None:
    """LayerNormalization and RMSNormalization, which has no bias: scale and bias broadcast against x's last axes."""
    if not b.varies(1, 2):
        return
    more = list(b.node.output[1:])
    y = b(b.node.op_type, b.input(0), b.number(1.0), at="normalized", more=more, **b.attributes)
    _scaled(b, y, b.input(1), b.input(2))


def instance_norm(b: Body) -> None:
    rank = b.rank(b.input(0))
    if not b.varies(1, 2) or rank is None:
        return
    y = b("InstanceNormalization", b.input(0), b.numbers(1.0), b.numbers(0.0), at="normalized", **b.attributes)
    _scaled(b, y, b.per_channel(b.input(1), rank), b.per_channel(b.input(2), rank))


def group_norm(b: Body) -> None:
    """Scale and bias per group (before opset 21), which are applied where groups are an axis, or per channel."""
    rank, n = b.rank(b.input(0)), b.attr("num_groups")
    if not b.varies(1, 2) or rank is None:
        return
    plain = [b.numbers(*[v] * n) for v in (1.0, 0.0)]
    y = b("GroupNormalization", b.input(0), *plain, at="normalized", **b.attributes)
    if b.opset >= 21:
        _scaled(b, y, b.per_channel(b.input(1), rank), b.per_channel(b.input(2), rank))
        return
    grouped = b("Reshape", y, b.ints(0, n, -1), at="grouped")
    y = b("Mul", grouped, b("Reshape", b.input(1), b.ints(n, 1)), at="scaled")
    y = b("Add", y, b("Reshape", b.input(2), b.ints(n, 1)), at="shifted")
    b("Reshape", y, b("Shape", b.input(0)), result=b.output(0))


def batch_norm(b: Body) -> None:
    """(x − μ) / √(σ² + ε) · γ + β, with stored statistics; those of the batch itself would tie its samples together."""
    rank = b.rank(b.input(0))
    if not b.varies(1, 2, 3, 4) or rank is None or b.attr("training_mode", 0) or not b.attr("spatial", 1):
        return
    scale, bias, mean, variance = (b.per_channel(b.input(i), rank) for i in range(1, 5))
    deviation = b("Sqrt", b("Add", variance, b.number(b.attr("epsilon", 1e-5))), at="deviation")
    y = b("Div", b("Sub", b.input(0), mean, at="centred"), deviation, at="normalized")
    _scaled(b, y, scale, bias)


def _scaled(b: Body, y: str, scale: str, bias: str) -> None:
    """y · scale + bias, as the node's result."""
    product = b("Mul", y, scale, at="scaled", result=None if bias else b.output(0))
    if bias:
        b("Add", product, bias, result=b.output(0))
