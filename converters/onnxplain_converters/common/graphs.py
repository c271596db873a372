"""An ONNX graph and the graphs in it: their nodes, the values that they define, and other names for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import onnx


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and those in its nodes' attributes."""
    yield graph
    for node in graph.node:
        for a in node.attribute:
            if a.HasField("g"):
                yield from graphs(a.g)
            for g in a.graphs:
                yield from graphs(g)


def nodes_of(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph and of the graphs in them."""
    for g in graphs(graph):
        yield from g.node


def defined_in(graph: onnx.GraphProto) -> Iterator[str]:
    """The values that a graph itself defines."""
    yield from (i.name for i in graph.input)
    yield from (t.name for t in graph.initializer)
    for node in graph.node:
        yield from node.output


def free(name: str, taken: Collection[str]) -> str:
    """The name, numbered where it is taken."""
    return name if name not in taken else next(n for k in range(1, len(taken) + 2) if (n := f"{name}_{k}") not in taken)


def replace(graph: onnx.GraphProto, names: Mapping[str, str]) -> None:
    """Other names for values, wherever they are written in this graph alone."""
    for named in (*graph.initializer, *graph.value_info, *graph.input, *graph.output):
        named.name = names.get(named.name, named.name)
    for node in graph.node:
        for field in (node.input, node.output):
            field[:] = [names.get(v, v) for v in field]
