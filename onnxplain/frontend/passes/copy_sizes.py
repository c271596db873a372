"""A Reshape to sizes that are read off values, as exporters write `x.view(n, t, …)` → one that copies its input's own: 0
stands for those. The nodes that read, cut and joined the sizes are then not needed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ...graph.graph import Graph, Node
from ...layers.routing.reshape import Reshape, to_sizes
from .rewrite import without_unread
from .sizes import Known, shapes_of


def copy_sizes(graph: Graph, keep: Collection[str]) -> Graph:
    """Where every size is a number, or that of the same axis of the input."""
    if not any(_asks(n) for n in graph.nodes):
        return graph
    known = Known(graph)
    made: dict[str, Node] = {}
    for n in graph.nodes:
        if _asks(n) and (sizes := _copied(known, *n.inputs)) is not None:
            made[n.name] = replace(n, layer=to_sizes(sizes), inputs=n.inputs[:1])
    if not made:
        return graph
    nodes = tuple(made.get(n.name, n) for n in graph.nodes)
    return without_unread(replace(graph, nodes=nodes, shapes={**shapes_of(known.sizes), **graph.shapes}), keep)


def _asks(n: Node) -> bool:
    return isinstance(n.layer, Reshape) and n.layer.shape.dynamic and len(n.inputs) == 2


def _copied(known: Known, x: str, sizes: str) -> list[int] | None:
    here, asked = known.sizes.get(x), known.numbers.get(sizes)
    if here is None or asked is None or 0 in asked:
        return None
    found = [0 if i < len(here) and s == here[i] else s if isinstance(s, int) else None for i, s in enumerate(asked)]
    numbers = [s for s in found if s is not None]
    return numbers if len(numbers) == len(found) else None
