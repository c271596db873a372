"""Explaining an output before its last Softmax, LogSoftmax or Sigmoid: an edit of the graph, per output."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from .graph import Graph, Node

#: operators a walk may start below of, as innsight does
LAST = frozenset({"Softmax", "LogSoftmax", "Sigmoid", "ArgMax"})
#: operators looked through on the way up from the output
THROUGH = ("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Dropout", "Cast")


@dataclass(frozen=True, eq=False)
class Explained:
    """The value at which an output is explained; `skipped` is the operator left out below it, if any."""

    output: str
    value: str
    skipped: str | None = None
    node: str | None = None


def explained_value(graph: Graph, output: str, last: Collection[str]) -> tuple[Graph, Explained]:
    """(graph, where the walk for `output` starts). Where an activation out of `last` is left out, the operators between
    it and the output are repeated without it, so that other readers of the same values see no change."""
    found = _last(graph, output, last) if last else None
    if found is None:
        return graph, Explained(output, output)
    activation, path = found
    if not path:
        return graph, Explained(output, activation.inputs[0], activation.op, activation.name)
    name = {activation.outputs[0]: activation.inputs[0]}
    copies = []
    for n in path:
        made = {v: f"{v} before {activation.op}" for v in n.outputs}
        copies.append(
            replace(n, name=f"{n.name} before {activation.op}", inputs=tuple(name.get(v, v) for v in n.inputs), outputs=tuple(made.values()))
        )
        name.update(made)
    graph = replace(graph, nodes=(*graph.nodes, *copies), floating=graph.floating | {v for n in copies for v in n.outputs})
    return graph, Explained(output, name[output], activation.op, activation.name)


def _last(graph: Graph, output: str, last: Collection[str]) -> tuple[Node, list[Node]] | None:
    """The activation an output ends in and the nodes between it and the output, in forward order."""
    path: list[Node] = []
    value = output
    while (node := graph.producer.get(value)) is not None:
        if node.op in last and node.inputs and node.inputs[0] in graph.floating:
            # an ArgMax's unit axes differ from its input's: nothing that reshapes may follow it
            if node.op == "ArgMax" and any(n.op not in ("Identity", "Cast") for n in path):
                return None
            if node.op == "ArgMax":
                path = []
            return node, list(reversed(path))
        if node.op not in THROUGH or not node.inputs:
            return None
        path.append(node)
        value = node.inputs[0]
    return None
