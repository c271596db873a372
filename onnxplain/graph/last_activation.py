"""Explaining an output before its last Softmax, LogSoftmax or Sigmoid: an edit of the graph, per output."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from ..layers.kinds import Elementwise
from .graph import Graph, Node

#: operators a walk may start below of, as innsight does
LAST = frozenset({"Softmax", "LogSoftmax", "Sigmoid", "ArgMax"})
#: operators looked through on the way up from the output
THROUGH = ("Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Transpose", "Dropout", "Cast")
#: and left out with it: what they round to is the activation's range
ROUNDING = ("QuantizeLinear", "DequantizeLinear", "FakeQuantize")


@dataclass(frozen=True, eq=False)
class Explained:
    """The value at which an output is explained; `skipped` is the operator left out below it, if any."""

    output: str
    value: str
    skipped: str | None = None
    node: str | None = None


def explained_value(graph: Graph, output: str, last: Collection[str]) -> tuple[Graph, Explained]:
    """(graph, where the walk for `output` starts). Where an activation out of `last` is left out, the operators between
    it and the output are repeated without it, so that other readers of the same values see no change; and so is a
    rounding before that, whose range may end where the value is largest."""
    graph, at = _before_activation(graph, output, last)
    return _before_rounding(graph, at) if last else (graph, at)


def _before_rounding(graph: Graph, at: Explained) -> tuple[Graph, Explained]:
    node = graph.producer.get(at.value)
    if node is None or not isinstance(node.layer, Elementwise):
        return graph, at
    before = graph.producer.get(node.inputs[0])
    layer = node.layer.without_rounding(None if before is None else before.layer)
    if layer is None:
        return graph, at
    x = node.inputs[0] if node.layer.rounds or before is None else before.inputs[0]
    value = f"{at.value} before rounding"
    copy = Node(f"{node.name} before rounding", "Unrounded", layer, (x,), (value,))
    graph = replace(graph, nodes=(*graph.nodes, copy), floating=graph.floating | {value})
    return graph, Explained(at.output, value, at.skipped or "rounding", at.node or node.name)


def _before_activation(graph: Graph, output: str, last: Collection[str]) -> tuple[Graph, Explained]:
    found = _last(graph, output, last) if last else None
    if found is None:
        return graph, Explained(output, output)
    activation, path = found
    if not path:
        return graph, Explained(output, activation.inputs[0], activation.op, activation.name)
    name = {activation.outputs[0]: activation.inputs[0]}
    copies = []
    for n in path:
        if n.op in ROUNDING:
            name[n.outputs[0]] = name.get(n.inputs[0], n.inputs[0])
            continue
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
        if node.op not in (*THROUGH, *ROUNDING) or not node.inputs:
            return None
        path.append(node)
        value = node.inputs[0]
    return None
