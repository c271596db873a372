"""x (mean x² + ε)^(−½), written out → one RMSNormalization, with its γ."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ...graph.graph import Graph, Node
from ...layers.product.pointwise import Div, Mul
from .fuse_layer_norm import fused, normalized
from .rewrite import Fused, fuse
from .spelled import plus, spread
from .statistics import beside, mean_square


def fuse_rms_norm(graph: Graph, keep: Collection[str]) -> Graph:
    """x / √(mean x² + ε) and x · γ(mean x² + ε)^(−½); a γ that follows is merged with those of `fuse_layer_norm`."""
    return fuse(graph, keep, _rms_norm)


def _rms_norm(graph: Graph, last: Node) -> Fused | None:
    if not isinstance(last.layer, (Div, Mul)):
        return None
    for x, q, gamma in normalized(graph, last):
        found = plus(graph, spread(graph, q))
        moment = None if found is None else mean_square(graph, found[0])
        if found is not None and moment is not None and moment[0] == x and beside(graph, q, moment[1]):
            return fused(graph, replace(moment[1], x=x), found[1], False, gamma, None)
    return None
