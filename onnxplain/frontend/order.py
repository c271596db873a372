"""The nodes of a graph as the file has them: named, in an order in which they can run, and which of them are needed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

from onnx import GraphProto, NodeProto

from ..errors import ModelError


def stored_names(graph: GraphProto) -> set[str]:
    return {t.name for t in graph.initializer} | {s.values.name for s in graph.sparse_initializer}


def in_order(graph: GraphProto, cut: Iterable[str] = ()) -> list[NodeProto]:
    """Copies of the nodes, uniquely named, every value made before it is read; values in `cut` are given."""
    return _sorted(_named(graph), {*(i.name for i in graph.input), *stored_names(graph)}, set(cut))


def _named(graph: GraphProto) -> list[NodeProto]:
    """Copies of the nodes, each with a unique name."""
    taken: set[str] = set()
    out = []
    for k, n in enumerate(graph.node):
        copy = NodeProto()
        copy.CopyFrom(n)
        name = n.name or f"{n.op_type}_{k}"
        while name in taken:
            name = f"{name}_{k}"
        taken.add(name)
        copy.name = name
        out.append(copy)
    return out


def bodies(n: NodeProto) -> Iterator[GraphProto]:
    """The graphs that a node runs."""
    for a in n.attribute:
        yield from [a.g] if a.HasField("g") else a.graphs


def reads(n: NodeProto) -> list[str]:
    """Values a node reads, those its bodies take from outside included."""
    return [*(i for i in n.input if i), *(v for g in bodies(n) for v in outside(g))]


def outside(graph: GraphProto) -> list[str]:
    """Values that a body takes from outside, in the order in which it reads them; some several times."""
    own = {i.name for i in graph.input} | stored_names(graph) | {v for n in graph.node for v in n.output}
    read = (*(v for n in graph.node for v in reads(n)), *(o.name for o in graph.output))
    return [v for v in read if v not in own]


def _sorted(nodes: list[NodeProto], known: set[str], cut: set[str]) -> list[NodeProto]:
    """The nodes in an order in which every value is made before it is read: the file's own, where that is one."""
    made = known | cut
    lacking = [set(reads(n)) - made for n in nodes]
    waiting: dict[str, list[int]] = defaultdict(list)
    for k, values in enumerate(lacking):
        for v in values:
            waiting[v].append(k)
    ready = [k for k, values in enumerate(lacking) if not values]
    out = []
    while ready:
        n = nodes[heappop(ready)]
        again = [v for v in n.output if v and v in made and v not in cut]
        if again:
            raise ModelError(f"node {n.name!r} ({n.op_type}) makes {again} a second time: a damaged file")
        out.append(n)
        made.update(n.output)
        for v in n.output:
            for k in waiting.pop(v, ()):
                lacking[k].discard(v)
                if not lacking[k]:
                    heappush(ready, k)
    if len(out) < len(nodes):
        n, absent = next((n, sorted(values)) for n, values in zip(nodes, lacking, strict=True) if values)
        raise ModelError(f"node {n.name!r} ({n.op_type}) reads {absent}, which nothing computes: a cycle, or a damaged file")
    return out


def needed(nodes: Sequence[NodeProto], wanted: Iterable[str], cut: Iterable[str]) -> list[NodeProto]:
    need, given, out = set(wanted), set(cut), []
    for n in reversed(nodes):
        if any(v in need and v not in given for v in n.output if v):
            out.append(n)
            need.update(reads(n))
    return list(reversed(out))
