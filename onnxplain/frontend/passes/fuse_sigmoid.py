"""1/(1 + e⁻ˣ) written out → one Sigmoid, which is a gate and whose exponential cannot overflow."""

from __future__ import annotations

from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.base import OnnxNode, layer_for
from .rewrite import Fused, fuse
from .spelled import function, plus, power, times


def fuse_sigmoid(graph: Graph, keep: Collection[str]) -> Graph:
    return fuse(graph, keep, _sigmoid)


def _sigmoid(graph: Graph, last: Node) -> Fused | None:
    if len(last.outputs) != 1 or (below := power(graph, last.outputs[0], -1.0)) is None:
        return None
    grown = plus(graph, below)
    exponent = function(graph, grown[0], "Exp") if grown is not None and grown[1] == 1 else None
    turned = times(graph, exponent) if exponent is not None else None
    if turned is None or turned[1] != -1:
        return None
    layer = layer_for(OnnxNode("Sigmoid", 13, dynamic=(True,), floating=(True,)))
    return None if layer is None else Fused("Sigmoid", layer, turned[0])
