"""A node that hands its input on → nothing: its readers read what it read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ...graph.graph import Graph, Node
from ...layers.routing.same import Dropout, FloatCast, Identity


def drop_identity(graph: Graph, keep: Collection[str]) -> Graph:
    """Without Identity, Dropout at inference, and casts between floating types; so that the layers on both sides are
    neighbours."""
    same: dict[str, str] = {}
    nodes: list[Node] = []
    for n in graph.nodes:
        inputs = tuple(same.get(v, v) for v in n.inputs)
        if hands_on(n) and n.outputs[0] not in keep and not any(graph.consumers[v] or v in keep for v in n.outputs[1:]):
            same[n.outputs[0]] = inputs[0]
        else:
            nodes.append(n if inputs == n.inputs else replace(n, inputs=inputs))
    if not same:
        return graph
    made = {v for n in nodes for v in n.outputs} | set(graph.inputs) | set(graph.constants)
    return replace(graph, nodes=tuple(nodes), floating=graph.floating & made)


def hands_on(n: Node) -> bool:
    # a CastLike of a constant reads only the value whose type it takes: it hands nothing of it on
    return isinstance(n.layer, (Identity, Dropout, FloatCast)) and n.layer.slots == (0,)
