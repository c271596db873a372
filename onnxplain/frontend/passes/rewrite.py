"""What passes share: finding nodes that only read each other, a pair or a group, and putting one in their place."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

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
        kept = a if name == "first" else second
        merged = Node(kept.name, kept.op, layer, a.inputs, second.outputs)
        # it stands where the second stood: what the first read was made before that
        replaced[first.name] = None
        replaced[second.name] = merged
    if not replaced:
        return graph
    nodes = [m for n in graph.nodes if (m := replaced.get(n.name, n)) is not None]
    made = {v for n in nodes for v in n.outputs} | set(graph.inputs) | set(graph.constants)
    return replace(graph, nodes=tuple(nodes), floating=graph.floating & made)


@dataclass(frozen=True, eq=False)
class Fused:
    """What a group of nodes does together: `layer`, named as the operator `op`, of the value x alone."""

    op: str
    layer: Layer
    x: str


def fuse(graph: Graph, keep: Collection[str], match: Callable[[Graph, Node], Fused | None]) -> Graph:
    """The graph in which one node stands for every group that `match` recognises by its last node.

    A group is left as it is where one of its inner values must be kept or is read elsewhere.
    """
    taken: set[str] = set()
    made: dict[str, Node] = {}
    for last in graph.nodes:
        found = match(graph, last) if len(last.outputs) == 1 else None
        group = None if found is None else _between(graph, found.x, last, keep)
        if found is None or group is None or taken & group:
            continue
        made[last.name] = Node(last.name, found.op, found.layer, (found.x,), last.outputs)
        taken |= group
    if not made:
        return graph
    nodes = [made.get(n.name, n) for n in graph.nodes if n.name in made or n.name not in taken]
    return without_unread(replace(graph, nodes=tuple(nodes)), keep)


def _between(graph: Graph, x: str, last: Node, keep: Collection[str]) -> set[str] | None:
    """The names of the nodes that compute floating values from x on the way to `last`, and of `last`; None where the
    group depends on another floating value, or is of use to anyone else."""
    group, waiting = {last.name: last}, [last]
    while waiting:
        for v in waiting.pop().inputs:
            if v == x or v not in graph.floating:
                continue
            maker = graph.producer.get(v)
            if maker is None:
                return None
            if maker.name not in group:
                group[maker.name] = maker
                waiting.append(maker)
    for n in group.values():
        for v in n.outputs if n is not last else ():
            if v in keep or any(reader.name not in group for reader in graph.consumers[v]):
                return None
    return set(group)


def without_unread(graph: Graph, keep: Collection[str]) -> Graph:
    """Without the nodes that no output and no kept value needs."""
    nodes = graph.ancestors([*graph.outputs, *keep])
    made = {v for n in nodes for v in n.outputs} | set(graph.inputs) | set(graph.constants)
    return replace(graph, nodes=nodes, floating=graph.floating & made)
