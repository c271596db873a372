"""x · hard-sigmoid(x), or x · clip(x + 3, 0, 6)/6, written out → one HardSwish."""

from __future__ import annotations

from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.elementwise.piecewise import Clip, HardSigmoid, HardSwish
from .gates import gated, rounded
from .rewrite import Fused, fuse
from .spelled import NEAR, inputs_of, layer_of, polynomial


def fuse_hard_swish(graph: Graph, keep: Collection[str]) -> Graph:
    """x · min(max(αx + β, 0), top) with α, β and top near 1/6, 1/2 and 1, kept as they are written."""
    return fuse(graph, keep, _hard_swish)


def _hard_swish(graph: Graph, last: Node) -> Fused | None:
    for x, s, c in gated(graph, last):
        layer = layer_of(graph, s)
        if isinstance(layer, HardSigmoid) and inputs_of(graph, s) == (x,):
            numbers = c * layer.alpha, c * layer.beta, c * layer.top
        elif isinstance(layer, Clip) and layer.low == 0:
            terms = polynomial(graph, inputs_of(graph, s)[0], x)
            if terms is None or set(terms) != {0, 1}:
                continue
            numbers = c * terms[1], c * terms[0], c * layer.high
        else:
            continue
        plain = 1 / 6, 0.5, 1.0
        if all(abs(n - p) <= NEAR * p for n, p in zip(numbers, plain, strict=True)):
            return Fused("HardSwish", HardSwish(*(rounded(n, p, graph) for n, p in zip(numbers, plain, strict=True))), x)
    return None
