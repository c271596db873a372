"""Which numbers decide what is run: those that conditions and numbers of steps are computed from."""

from __future__ import annotations

from collections.abc import Iterable

from ...layers.control import Body, Control
from ..graph import Graph
from ..sources import SHAPE_READERS


def deciding(graph: Graph) -> frozenset[str]:
    """The inputs of a graph whose numbers, not only whose shapes, decide which nodes run or how often."""
    if not graph.stepped:
        return frozenset()
    decided = [n.inputs[k] for n in graph.nodes if isinstance(n.layer, Control) for k in n.layer.deciding]
    return _reached(graph, decided) & frozenset(graph.inputs)


def needed_by(body: Body, wanted: Iterable[str] = ()) -> frozenset[int]:
    """The inputs of a layer whose numbers decide what its body runs, or go into these values of the body."""
    graph = body.graph
    found = deciding(graph) | _reached(graph, wanted)
    while True:
        more = found | _reached(graph, (graph.outputs[j] for j, k in body.back if graph.inputs[k] in found))
        if more == found:
            break
        found = more
    return frozenset(i for v, i in zip(graph.inputs, body.reads, strict=True) if i is not None and v in found)


def _reached(graph: Graph, values: Iterable[str]) -> frozenset[str]:
    """`values` and every value whose numbers they are computed from."""
    found = set(values)
    for n in reversed(graph.nodes):
        if n.op not in SHAPE_READERS and any(v in found for v in n.outputs):
            found.update(n.inputs)
    return frozenset(found)
