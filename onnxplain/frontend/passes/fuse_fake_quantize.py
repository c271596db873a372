"""A quantisation and the dequantisation of what it makes → one layer, in the value's own units."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from ...graph.graph import Graph, Node
from ...layers.base import Layer
from ...layers.quantised.dequantize import Dequantize, DequantizeBy
from ...layers.quantised.fake_quantize import FakeQuantize, FakeQuantizeBy
from ...layers.quantised.quantize import Quantize, QuantizeBy
from .rewrite import without_unread

QUANTIZE, DEQUANTIZE = (Quantize, QuantizeBy), (Dequantize, DequantizeBy)


def fuse_fake_quantize(graph: Graph, keep: Collection[str]) -> Graph:
    """(q − z) s with q = round(x / s′) + z → x beside the nearest number on the grid: fewer nodes, and what rounding did
    can be told. Several dequantisations of one value by the same numbers become one."""
    made: dict[str, Node] = {}
    same: dict[str, str] = {}
    for d in graph.nodes:
        q = graph.producer.get(d.inputs[0]) if isinstance(d.layer, DEQUANTIZE) else None
        if q is None or not isinstance(q.layer, QUANTIZE) or not _equal(parameter(q, 2), parameter(d, 2)):
            continue
        twin = next((m for m in made.values() if m.name != d.name and _twins(graph, m, d)), None)
        if twin is not None and d.outputs[0] not in keep:
            same[d.outputs[0]] = twin.outputs[0]
            continue
        inputs = (*q.inputs, *d.inputs[1:])
        made[d.name] = Node(d.name, "FakeQuantize", _layer(q, d), inputs, d.outputs)
    if not made:
        return graph
    nodes = []
    for n in graph.nodes:
        if n.outputs and n.outputs[0] in same:
            continue
        n = made.get(n.name, n)
        nodes.append(replace(n, inputs=tuple(same.get(v, v) for v in n.inputs)))
    return without_unread(replace(graph, nodes=tuple(nodes)), keep)


def parameter(n: Node, position: int) -> Tensor | str | None:
    """A (de)quantisation's scale (1) or zero point (2): a constant, or the value that is it; None where it has none."""
    if isinstance(n.layer, (Quantize, Dequantize)):
        return n.layer.s if position == 1 else n.layer.z
    assert isinstance(n.layer, (QuantizeBy, DequantizeBy))
    at = n.layer.computed
    return n.inputs[at.index(position)] if position in at else n.layer.node.constant(position)


def _layer(q: Node, d: Node) -> Layer:
    assert isinstance(q.layer, QUANTIZE) and isinstance(d.layer, DEQUANTIZE)
    if isinstance(q.layer, Quantize) and isinstance(d.layer, Dequantize):
        return FakeQuantize(q.layer, d.layer)
    first, second = len(q.inputs), len(q.inputs) + len(d.inputs) - 1
    return FakeQuantizeBy(q.layer, d.layer, (range(1, first), range(first, second)))


def _twins(graph: Graph, made: Node, d: Node) -> bool:
    """Whether the dequantisation that `made` stands for is the same as d."""
    other = graph.producer[made.outputs[0]]
    return other.inputs[0] == d.inputs[0] and _along(other) == _along(d) and all(
        _equal(parameter(other, i), parameter(d, i)) for i in (1, 2)
    )


def _along(d: Node) -> object:
    if isinstance(d.layer, Dequantize):
        return d.layer.along
    assert isinstance(d.layer, DequantizeBy)
    return d.layer.node.attr("axis", 1), d.layer.node.attr("block_size", 0)


def _equal(a: Tensor | str | None, b: Tensor | str | None) -> bool:
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    if a is None or b is None:
        some = b if a is None else a
        return some is None or not bool(some.any())
    one = a.numel() == b.numel() == 1
    return torch.equal(a.reshape(-1).double(), b.reshape(-1).double()) if one or a.shape == b.shape else False
