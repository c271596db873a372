"""A graph made for one sample → one for any number: reshapes that count one sample take what is left instead.

Nothing is proven here: who uses such a graph compares it with the first, as `onnxplain.free_rows` does.
"""

from __future__ import annotations

from dataclasses import replace

import torch

from ...graph.graph import Graph, Node
from ...layers.base import OnnxNode
from ...layers.routing.reshape import Reshape


def freed(graph: Graph) -> Graph | None:
    """The graph with its reshapes freed; None where one of them cannot be."""
    nodes: list[Node] = []
    for n in graph.nodes:
        if isinstance(n.layer, Reshape) and not n.layer.shape.dynamic:
            sizes = _sizes(n.layer, n, graph)
            if sizes is None:
                return None
            nodes.append(replace(n, layer=_reshape(sizes, n.layer.copy_zeros)))
        else:
            nodes.append(n)
    shapes = {v: (None, *s[1:]) if s and s[0] == 1 else (None,) * len(s) for v, s in graph.shapes.items()}
    return replace(graph, nodes=tuple(nodes), shapes=shapes)


def _sizes(layer: Reshape, node: Node, graph: Graph) -> list[int] | None:
    """−1 for the first axis, in place of a number; numbers for the others."""
    sizes = list(layer.shape.constant)
    if not sizes or sizes[0] == -1 or (sizes[0] == 0 and layer.copy_zeros):
        return sizes
    if -1 in sizes:
        known, at = graph.shapes.get(node.outputs[0]), sizes.index(-1)
        if known is None or at >= len(known) or (left := known[at]) is None:
            return None
        sizes[at] = left
    return [-1, *sizes[1:]]


def _reshape(sizes: list[int], copy_zeros: bool) -> Reshape:
    shape = torch.tensor(sizes, dtype=torch.int64)
    node = OnnxNode("Reshape", 14, attributes={"allowzero": int(not copy_zeros)}, constants=(None, shape), dynamic=(True, False))
    layer = Reshape.build(node)
    assert isinstance(layer, Reshape)
    return layer
