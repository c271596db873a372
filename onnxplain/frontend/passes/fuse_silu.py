"""x · sigmoid(αx), written out → one Swish (SiLU where α = 1)."""

from __future__ import annotations

from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.elementwise.gated import Swish
from .gates import gated
from .rewrite import Fused, fuse
from .spelled import function, polynomial


def fuse_silu(graph: Graph, keep: Collection[str]) -> Graph:
    return fuse(graph, keep, _silu)


def _silu(graph: Graph, last: Node) -> Fused | None:
    for x, s, c in gated(graph, last):
        argument = function(graph, s, "Sigmoid") if c == 1 else None
        terms = None if argument is None else polynomial(graph, argument, x)
        if terms is not None and set(terms) == {1}:
            return Fused("Swish", Swish(terms[1]), x)
    return None
