"""Slices and Gathers that take a value apart, all of it, on one axis → one Split: queries, keys and values, halves of a gate."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from ...graph.graph import Graph, Node
from ...layers.routing.cut import Cut
from ...layers.routing.gather import Gather
from ...layers.routing.slice import Slice


@dataclass(frozen=True)
class Taken:
    """The places from `first` to before `end` on an axis, which one place may `drop`."""

    node: Node
    axis: int
    first: int
    end: int
    drop: bool


def join_slices(graph: Graph, keep: Collection[str]) -> Graph:
    """The graph in which every value that is taken apart is taken apart by one node, where the first of them stood."""
    replaced: dict[str, tuple[Node, ...]] = {}
    for v, readers in graph.consumers.items():
        shape = graph.shapes.get(v)
        if len(readers) < 2 or shape is None:
            continue
        parts = [t for n in readers if n.inputs == (v,) and n.name not in replaced and (t := _taken(n, shape)) is not None]
        for axis in {t.axis for t in parts}:
            row = _all_of([t for t in parts if t.axis == axis], shape[axis])
            if len(row) < 2:
                continue
            layer = Cut(axis, [t.end - t.first for t in row], [t.drop for t in row])
            first = next(n for n in readers if any(n is t.node for t in row))
            replaced |= {t.node.name: () for t in row}
            replaced[first.name] = (Node(first.name, "Split", layer, (v,), tuple(t.node.outputs[0] for t in row)),)
            break
    if not replaced:
        return graph
    return replace(graph, nodes=tuple(m for n in graph.nodes for m in replaced.get(n.name, (n,))))


def _taken(node: Node, shape: Sequence[int | None]) -> Taken | None:
    """What a node takes of a value of this shape, where it takes neighbouring places of one axis and no others."""
    layer = node.layer
    if isinstance(layer, Gather) and layer.one is not None:
        axis = layer.axis % len(shape)
        n = shape[axis]
        return None if n is None else Taken(node, axis, layer.one % n, layer.one % n + 1, True)
    if not isinstance(layer, Slice) or any(p.dynamic for p in layer.parameters_of):
        return None
    starts, ends, axes, steps = (p.constant for p in layer.parameters_of)
    if len(starts) != 1 or steps not in (None, [1]):
        return None
    axis = (axes[0] if axes is not None else 0) % len(shape)
    n = shape[axis]
    if n is None:
        return None
    first, end, _ = slice(starts[0], ends[0]).indices(n)
    return Taken(node, axis, first, end, False) if first < end else None


def _all_of(parts: Sequence[Taken], n: int | None) -> list[Taken]:
    """The parts in their order, if they are n places, each once; else none."""
    row = sorted(parts, key=lambda t: t.first)
    edges = [0, *(t.end for t in row)]
    whole = edges[-1] == n and all(t.first == e for t, e in zip(row, edges, strict=False))
    return row if whole else []
