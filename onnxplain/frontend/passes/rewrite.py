"""What passes share: finding a pair of neighbouring nodes that only read each other, and putting one in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace

from ...graph.graph import Graph, Node
from ...layers.base import Layer

#: (first node, second node) → the layer that does both, or None
Merge = Callable[[Node, Node], Layer | None]


def neighbours(graph: Graph, keep: Collection[str]) -> Iterator[tuple[Node, Node]]:
    """(first, second): second reads first's only output and nothing else does, and it need not be kept."""
    for first in graph.nodes:
        if len(first.outputs) != 1 or first.outputs[0] in keep:
            continue
        readers = graph.consumers[first.outputs[0]]
        if len(readers) == 1 and readers[0].inputs == (first.outputs[0],):
            yield first, readers[0]


def merge_neighbours(graph: Graph, keep: Collection[str], merge: Merge, name: str) -> Graph:
    """The graph with every pair that `merge` can do as one layer replaced; chains collapse from the front.

    `name`: "first" or "second", whose name and operator the merged node takes.
    """
    replaced: dict[str, Node | None] = {}
    for first, second in neighbours(graph, keep):
        a = replaced.get(first.name, first)
        if a is None or second.name in replaced:
            continue
        layer = merge(a, second)
        if layer is None:
            continue
        kept = first if name == "first" else second
        merged = Node(kept.name, kept.op, layer, a.inputs, second.outputs)
        # it stands where the second stood: what the first read was made before that
        replaced[first.name] = None
        replaced[second.name] = merged
    if not replaced:
        return graph
    nodes = [m for n in graph.nodes if (m := replaced.get(n.name, n)) is not None]
    made = {v for n in nodes for v in n.outputs} | set(graph.inputs) | set(graph.constants)
    return replace(graph, nodes=tuple(nodes), floating=graph.floating & made)
