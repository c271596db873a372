"""A convolution, its rounding, and a batch normalisation behind that: the last into the first.

The rounding keeps `merge_batch_norm` from merging the two; what rules need of that is the sign and shift in the weights.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import torch
from torch import Tensor

from ...graph.graph import Graph, Node
from ...layers.affine.batch_norm import BatchNorm
from ...layers.affine.conv import Conv
from ...layers.affine.merging import along, shifted
from ...layers.affine.whole_sums import WholeSums
from ...layers.base import Layer
from ...layers.kinds import Pooling, Routing
from ...layers.quantised.fake_quantize import FakeQuantize
from ...layers.quantised.rounded_norm import RoundedNorm
from .rewrite import merge_neighbours, without_unread

#: whole numbers up to this are exact in single precision
EXACT = 2.0**24
#: the largest difference of two bytes
BYTE = 255
#: how many ranges of the rounding the shift of a value that is not whole may lie away
WIDE = 16


def merge_rounded_norm(graph: Graph, keep: Collection[str]) -> Graph:
    """a ⊙ r(z) + c of z = W ∗ x + b → the same of z = σ u − o, with u = σ(z + o) as the convolution, σ = sgn a and
    o = c / (a · r's scale); of whole numbers z as the nearest whole number, so that every bit stays."""
    graph = merge_neighbours(graph, keep, _after_whole_sums, name="first")
    made: dict[str, Node] = {}
    for conv in graph.nodes:
        rounding = _reader(graph, conv, FakeQuantize, keep)
        norm = None if rounding is None else _reader(graph, rounding, BatchNorm, keep)
        if rounding is None or norm is None or not isinstance(conv.layer, Conv) or conv.layer.border is not None:
            continue
        r, a = rounding.layer, norm.layer
        assert isinstance(r, FakeQuantize) and isinstance(a, BatchNorm)
        both = RoundedNorm(r, a, _offset(conv.layer, r, a, _whole(graph, conv)))
        w, b = conv.layer.w, conv.layer.b
        summed = conv.layer.with_weight_bias(w * along(both.sign, 0, w), both.sign * shifted(b, both.offset))
        made[conv.name] = replace(conv, layer=summed)
        made[norm.name] = Node(norm.name, norm.op, both, conv.outputs, norm.outputs)
    if not made:
        return graph
    return without_unread(replace(graph, nodes=tuple(made.get(n.name, n) for n in graph.nodes)), keep)


def _after_whole_sums(first: Node, second: Node) -> Layer | None:
    sums, norm = first.layer, second.layer
    fits = isinstance(sums, WholeSums) and isinstance(sums.inner, Conv) and isinstance(norm, BatchNorm)
    return sums.scaled_after(norm.a, norm.c) if fits else None


def _reader(graph: Graph, node: Node, kind: type[Layer], keep: Collection[str]) -> Node | None:
    """The one node that reads what a node makes, if it is of this kind."""
    if len(node.outputs) != 1 or node.outputs[0] in keep:
        return None
    readers = graph.consumers[node.outputs[0]]
    return readers[0] if len(readers) == 1 and isinstance(readers[0].layer, kind) else None


def _whole(graph: Graph, conv: Node) -> bool:
    """Whether a convolution adds products of whole numbers up."""
    assert isinstance(conv.layer, Conv)
    weights = [conv.layer.w, *([] if conv.layer.b is None else [conv.layer.b])]
    if not all(bool((w == w.round()).all()) for w in weights):
        return False
    maker = graph.producer.get(conv.inputs[0])
    while maker is not None and isinstance(maker.layer, (Routing, Pooling)) and len(maker.inputs) == 1:
        maker = graph.producer.get(maker.inputs[0])
    if maker is None or not isinstance(maker.layer, FakeQuantize):
        return False
    return maker.layer.quantize.grid.mantissa is None and bool((maker.layer.dequantize.s == 1).all())


def _offset(conv: Conv, rounding: FakeQuantize, norm: BatchNorm, whole: bool) -> Tensor:
    """o per channel; 0 where z + o would keep less of z than its rounding needs."""
    like, n = conv.w.new_zeros(1, conv.w.shape[0], *(1,) * conv.window.rank), conv.w.shape[0]
    gain, steps = (torch.as_tensor(g).double().reshape(-1).expand(n) for g in (rounding.gain(like), rounding.quantize.gain(like)))
    o = norm.shift / (norm.scale * gain)
    if whole:
        o, room = o.round(), EXACT - conv.w.double().abs().flatten(1).sum(1) * BYTE
        room = room if conv.b is None else room - conv.b.double().abs()
    else:
        grid = rounding.quantize.grid
        room = WIDE * (grid.high - grid.low) / steps.abs()
    return torch.where(o.abs() <= room, o, 0.0).to(conv.w.dtype)
