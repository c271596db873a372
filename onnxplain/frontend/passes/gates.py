"""x · s(x) · c as exporters write it: a chain of products, in any order."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from ...graph.graph import Graph, Node
from ...layers.affine.scale import Scale
from ...layers.product.pointwise import Mul
from .spelled import product, times


def gated(graph: Graph, last: Node) -> Iterator[tuple[str, str, float]]:
    """(x, s, c) for both ways in which the product x · s · c that ends in `last` can be read."""
    if not isinstance(last.layer, (Mul, Scale)):
        return
    factors, c = _factors(graph, last.outputs[0], last=True)
    if len(factors) == 2:
        a, b = factors
        yield a, b, c
        yield b, a, c


def _factors(graph: Graph, value: str, last: bool = False) -> tuple[list[str], float]:
    """The values and the number that multiply to `value`, seen through products that nothing else reads."""
    if last or len(graph.consumers[value]) == 1:
        if (pair := product(graph, value)) is not None:
            (a, c), (b, d) = (_factors(graph, v) for v in pair)
            return ([value], 1.0) if not last and len(a) + len(b) > 2 else ([*a, *b], c * d)
        if (found := times(graph, value)) is not None:
            inner, c = _factors(graph, found[0])
            return inner, c * found[1]
    return [value], 1.0


def rounded(value: float, exact: float, graph: Graph) -> float:
    """`exact` where `value` differs from it by the rounding of the graph's own precision alone."""
    dtype = next((b.dtype for n in graph.nodes for b in n.layer.buffers() if b.is_floating_point()), torch.float64)
    return exact if abs(value - exact) <= 8 * torch.finfo(dtype).eps * abs(exact) else value
