"""exp(x)/Σ exp(x), written out, with or without max x subtracted → one Softmax."""

from __future__ import annotations

from collections.abc import Collection

from ...graph.graph import Graph, Node
from ...layers.affine.reduce import Reduce
from ...layers.base import OnnxNode
from ...layers.pooling.reduce import ReduceExtreme
from ...layers.product.pointwise import Div, Mul
from ...layers.softmax import Softmax
from .rewrite import Fused, fuse
from .spelled import difference, function, inputs_of, layer_of, quotient, reduced, spread
from .statistics import Over, axes_of, beside, same_axes


def fuse_softmax(graph: Graph, keep: Collection[str]) -> Graph:
    """Over one axis."""
    return fuse(graph, keep, _softmax)


def _softmax(graph: Graph, last: Node) -> Fused | None:
    pair = quotient(graph, last.outputs[0]) if isinstance(last.layer, (Div, Mul)) else None
    exponent = None if pair is None else function(graph, pair[0], "Exp")
    total = None if pair is None else spread(graph, pair[1])
    summed = None if total is None else reduced(graph, total, mean=False)
    if pair is None or exponent is None or total is None or summed is None or summed[0] != pair[0]:
        return None
    over = Over(*summed, total)
    axes = axes_of(graph, over)
    if axes is None or len(axes) != 1 or not beside(graph, pair[1], over):
        return None
    layer = Softmax.build(OnnxNode("Softmax", 13, attributes={"axis": axes[0]}))
    return Fused("Softmax", layer, _without_maximum(graph, exponent, over) or exponent)


def _without_maximum(graph: Graph, value: str, total: Over) -> str | None:
    """x of x − max x, the maximum over the same axes."""
    pair = difference(graph, value)
    highest = None if pair is None else spread(graph, pair[1])
    layer = None if highest is None else layer_of(graph, highest)
    if pair is None or highest is None or not isinstance(layer, ReduceExtreme) or graph.producer[highest].op != "ReduceMax":
        return None
    if inputs_of(graph, highest) != (pair[0],) or layer.axes.dynamic or layer.axes.constant is None:
        return None
    over = Over(pair[0], Reduce(False, tuple(layer.axes.constant), layer.keep), highest)
    return pair[0] if same_axes(graph, over, total) and beside(graph, pair[1], over) else None
