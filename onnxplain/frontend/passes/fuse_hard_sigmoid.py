"""clip(x + 3, 0, 6)/6, or clip(x/5 + ½, 0, 1), written out → one HardSigmoid, which is a gate."""

from __future__ import annotations

from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.affine.scale import Scale
from ...layers.elementwise.piecewise import Clip, HardSigmoid
from .gates import rounded
from .rewrite import Fused, fuse
from .spelled import NEAR, inputs_of, layer_of, plus, polynomial, times

#: the slopes α of the functions of this name, with β = ½: PyTorch's, and the operator's own
SLOPES = (1 / 6, 0.2)


def fuse_hard_sigmoid(graph: Graph, keep: Collection[str]) -> Graph:
    """min(max(αx + β, 0), top) with α near 1/6 or 1/5, β near ½ and top near 1, kept as they are written."""
    return fuse(graph, keep, _hard_sigmoid)


def _hard_sigmoid(graph: Graph, last: Node) -> Fused | None:
    if not isinstance(last.layer, (Clip, Scale)):
        return None
    y = last.outputs[0]
    s, c = times(graph, y) or (y, 1.0)
    layer = layer_of(graph, s)
    if not isinstance(layer, Clip) or layer.low != 0 or abs(c * layer.high - 1) > NEAR:
        return None
    inner = inputs_of(graph, s)[0]
    x = _argument(graph, inner)
    terms = polynomial(graph, inner, x)
    if terms is None or set(terms) != {0, 1}:
        return None
    alpha, beta = c * terms[1], c * terms[0]
    if abs(beta - 0.5) > NEAR or not any(abs(alpha - a) <= NEAR * a for a in SLOPES):
        return None
    numbers = rounded(beta, 0.5, graph), rounded(c * layer.high, 1.0, graph)
    return Fused("HardSigmoid", HardSigmoid(alpha, *numbers), x)


def _argument(graph: Graph, value: str) -> str:
    """u of a·u + b."""
    while (found := plus(graph, value) or times(graph, value)) is not None:
        value = found[0]
    return value
