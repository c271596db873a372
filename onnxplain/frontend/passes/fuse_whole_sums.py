"""Dynamic quantisation: sums of whole numbers, then their scale → one layer of the rounded value, in its own units.

Apart, the scale stands behind the sums as a second factor that differs at the baseline, and no rule could share that out.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ...graph.graph import Graph, Node
from ...layers.affine.conv import Conv
from ...layers.affine.linear import Linear
from ...layers.affine.scale import Scale
from ...layers.affine.whole_sums import WholeSums, per_output
from ...layers.base import Layer
from ...layers.product.pointwise import Mul
from ...layers.quantised.dequantize import DequantizeBy
from ...layers.quantised.fake_quantize import FakeQuantizeBy
from ...layers.quantised.quantize import QuantizeBy
from .fuse_bias import added
from .rewrite import merge_neighbours, without_unread


def fuse_whole_sums(graph: Graph, keep: Collection[str]) -> Graph:
    """((q − z) W) · S, S = s · (the weights' scale), q = round(x / s) + z → `WholeSums` of (q − z) s, with the constant
    that is added to it."""
    made: dict[str, list[Node]] = {}
    for n in graph.nodes:
        found = _sums(graph, n, keep) if isinstance(n.layer, Mul) else None
        if found is not None:
            rounding, inner, scale = found
            value = f"{rounding.outputs[0]}, scaled"
            step = _step(rounding)
            layer = WholeSums(inner)
            made.setdefault(rounding.name, []).append(_in_own_units(rounding, value, step))
            made[n.name] = [Node(n.name, n.op, layer, (value, step, scale), n.outputs)]
    if made:
        nodes: list[Node] = []
        for n in graph.nodes:
            if n.name in made and isinstance(n.layer, FakeQuantizeBy):
                nodes += [n, made[n.name][0]]
            else:
                nodes += made.get(n.name, [n])
        values = {v for n in nodes for v in n.outputs}
        graph = replace(graph, nodes=tuple(nodes), floating=graph.floating | (values - set(graph.values)))
        graph = without_unread(graph, keep)
    return merge_neighbours(graph, keep, _with_bias, name="first")


def _sums(graph: Graph, n: Node, keep: Collection[str]) -> tuple[Node, Conv | Linear, str] | None:
    """(the rounding, what sums up whole numbers, the value S) of a product that is one."""
    for acc, scale in (n.inputs, n.inputs[::-1]):
        inner = graph.producer.get(acc)
        if inner is None or acc in keep or len(graph.consumers[acc]) > 1 or not isinstance(inner.layer, (Conv, Linear)):
            continue
        rounding = graph.producer.get(inner.inputs[0])
        if rounding is None or not isinstance(rounding.layer, FakeQuantizeBy) or not _unscaled(rounding.layer):
            continue
        if _without_bias(inner.layer) and _is_scaled(graph, scale, _step(rounding), inner.layer):
            return rounding, inner.layer, scale
    return None


def _without_bias(layer: Conv | Linear) -> bool:
    return layer.b is None and (layer.border is None if isinstance(layer, Conv) else layer.side == "right" and not layer.vector)


def _unscaled(layer: FakeQuantizeBy) -> bool:
    """It gives whole numbers of steps, measured at run time."""
    q, d = layer.quantize, layer.dequantize
    if not isinstance(q, QuantizeBy) or not isinstance(d, DequantizeBy) or 1 not in q.computed:
        return False
    s = d.node.constant(1)
    return s is not None and bool((s == 1).all())


def _step(rounding: Node) -> str:
    assert isinstance(rounding.layer, FakeQuantizeBy) and isinstance(rounding.layer.quantize, QuantizeBy)
    return rounding.inputs[rounding.layer.quantize.computed.index(1)]


def _is_scaled(graph: Graph, scale: str, step: str, layer: Conv | Linear) -> bool:
    """Whether a value is the step, or the step times constants that lie along the layer's outputs."""
    if scale == step:
        return True
    maker = graph.producer.get(scale)
    if maker is None or not isinstance(maker.layer, Scale) or maker.layer.divide or maker.inputs != (step,):
        return False
    return per_output(maker.layer.a, layer)


def _in_own_units(rounding: Node, value: str, step: str) -> Node:
    """The same rounding, times its step."""
    layer = rounding.layer
    assert isinstance(layer, FakeQuantizeBy)
    scaled = layer.with_scale(len(rounding.inputs))
    return Node(value, rounding.op, scaled, (*rounding.inputs, step), (value,))


def _with_bias(first: Node, second: Node) -> Layer | None:
    c = added(second.layer)
    return first.layer.with_bias(c) if c is not None and isinstance(first.layer, WholeSums) else None
