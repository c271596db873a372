"""x · tanh(softplus(x)), written out → one Mish."""

from __future__ import annotations

from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.elementwise.gated import Mish
from .gates import gated
from .rewrite import Fused, fuse
from .spelled import function, plus


def fuse_mish(graph: Graph, keep: Collection[str]) -> Graph:
    """With the softplus as an operator, or as log(1 + eˣ)."""
    return fuse(graph, keep, _mish)


def _mish(graph: Graph, last: Node) -> Fused | None:
    for x, s, c in gated(graph, last):
        inner = function(graph, s, "Tanh") if c == 1 else None
        if inner is not None and _softplus(graph, inner) == x:
            return Fused("Mish", Mish(), x)
    return None


def _softplus(graph: Graph, value: str) -> str | None:
    if (x := function(graph, value, "Softplus")) is not None:
        return x
    inside = function(graph, value, "Log")
    raised = None if inside is None else plus(graph, inside)
    return function(graph, raised[0], "Exp") if raised is not None and raised[1] == 1 else None
