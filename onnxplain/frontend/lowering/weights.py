"""Linear operators whose bias is computed at run time: the product, then the sum."""

from __future__ import annotations

from .body import Body


def convolution(b: Body) -> None:
    """Conv and ConvTranspose: w ∗ x, then + b per channel."""
    rank = b.rank(b.input(0)) or b.rank(b.input(1))
    if not b.varies(2) or rank is None:
        return
    y = b(b.node.op_type, b.input(0), b.input(1), at="products", **b.attributes)
    b("Add", y, b.per_channel(b.input(2), rank), result=b.output(0))


def gemm(b: Body) -> None:
    """α A B, then + β C."""
    if not b.varies(2):
        return
    attributes = {k: v for k, v in b.attributes.items() if k != "beta"}
    y = b("Gemm", b.input(0), b.input(1), at="products", **attributes)
    c, beta = b.input(2), b.attr("beta", 1.0)
    b("Add", y, c if beta == 1 else b("Mul", c, b.number(beta)), result=b.output(0))
