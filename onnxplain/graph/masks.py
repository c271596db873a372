"""Values whose relevance is let through in part: masks put into the graph, as nodes that change no number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import Tensor

from ..layers.masked import Masked
from .graph import Graph, Node


def with_masks(graph: Graph, masks: Mapping[str, Sequence[Tensor | None]]) -> Graph:
    """The graph in which all readers of these values read them through their masks, one per condition."""
    nodes: list[Node] = []
    renamed = {v: f"{v} masked" for v in masks}
    for n in graph.nodes:
        nodes.append(replace(n, inputs=tuple(renamed.get(v, v) for v in n.inputs)))
        nodes += [Node(f"mask of {v}", "Mask", Masked(masks[v]), (v,), (renamed[v],)) for v in n.outputs if v in masks]
    shapes = {**graph.shapes, **{renamed[v]: graph.shapes[v] for v in masks if v in graph.shapes}}
    return replace(graph, nodes=tuple(nodes), floating=graph.floating | set(renamed.values()), shapes=shapes)
