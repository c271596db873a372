"""A convolution, a Transpose, a constant per channel times or plus it → the Transpose last, so that the constant can be
taken into the convolution: so tf2onnx writes nets whose channels are the last axis."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from ...graph.graph import Graph, Node
from ...layers.additive import WeightedSum
from ...layers.affine.conv import Conv
from ...layers.affine.conv_transpose import ConvTranspose
from ...layers.affine.scale import Scale
from ...layers.base import Layer
from ...layers.routing.transpose import Transpose, inverse
from .fuse_bias import added, per_channel
from .rewrite import neighbours


def turn_last(graph: Graph, keep: Collection[str]) -> Graph:
    """T(x) ⊙ c = T(x ⊙ T⁻¹(c)), and likewise + c; only where a convolution computes x for nobody else."""
    replaced: dict[str, tuple[Node, ...]] = {}
    made: set[str] = set()
    convolved: dict[str, Conv | ConvTranspose] = {}
    for first, turn in neighbours(graph, keep):
        if isinstance(first.layer, (Conv, ConvTranspose)):
            convolved[turn.name] = first.layer
        elif isinstance(first.layer, Scale) and first.name in convolved:  # one that came here before
            convolved[turn.name] = convolved[first.name]
    for turn, second in neighbours(graph, keep):
        conv = convolved.get(turn.name)
        if conv is None or not isinstance(turn.layer, Transpose) or turn.layer.perm is None or turn.name in replaced:
            continue
        moved = _before(second.layer, turn.layer.perm, conv)
        if moved is None:
            continue
        between = f"{turn.outputs[0]}:{second.name}"
        made.add(between)
        replaced[turn.name] = ()
        replaced[second.name] = (
            replace(second, layer=moved, inputs=turn.inputs, outputs=(between,)),
            replace(turn, inputs=(between,), outputs=second.outputs),
        )
    if not replaced:
        return graph
    nodes = tuple(m for n in graph.nodes for m in replaced.get(n.name, (n,)))
    values = {v for n in nodes for v in n.outputs} | set(graph.inputs) | set(graph.constants)
    return replace(graph, nodes=nodes, floating=(graph.floating | made) & values)


def _before(layer: Layer, perm: Sequence[int], conv: Conv | ConvTranspose) -> Layer | None:
    """What the layer does behind the Transpose, in front of it; None where its constant is not one per channel."""
    c = layer.a if isinstance(layer, Scale) else added(layer)
    if c is None or c.dim() > len(perm):
        return None
    back = c.reshape((1,) * (len(perm) - c.dim()) + tuple(c.shape)).permute(inverse(perm))
    if per_channel(conv, back) is None:
        return None
    if isinstance(layer, Scale):
        return Scale(back, layer.divide)
    return WeightedSum("Add", [None, back], [True, False])
