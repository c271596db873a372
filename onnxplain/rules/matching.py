"""Which nodes a composite's row is for: by kind, family, operator, name, predicate, or place in the graph."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..errors import RuleError
from ..layers.base import Layer, registered
from ..layers.control import Control
from ..layers.kinds import (
    Additive,
    Affine,
    Elementwise,
    Integer,
    Normalization,
    Pooling,
    Product,
    Routing,
    SoftmaxKind,
    Trees,
)

if TYPE_CHECKING:
    from ..graph.graph import Graph, Node

#: a kind ("Affine", or its class), a family of Affine ("convolution"), an operator ("Conv"), a pattern of node names
#: ("encoder/*"), a predicate of nodes, a place (`First()`, …), or a tuple of these that must all hold
Match: TypeAlias = "str | type[Layer] | Callable[[Node], bool] | Place | tuple[Any, ...]"

KINDS: dict[str, type[Layer]] = {
    c.kind: c for c in (Affine, Elementwise, Additive, Routing, Pooling, Product, SoftmaxKind, Normalization, Trees)
}
#: the family of products in recurrent cells, whose first factor is a gate
GATE = "gate"
FAMILIES = ("convolution", "dense", "average", "batch_norm", "scale", "resize", "other", GATE)
WEIGHTED = ("convolution", "dense")
#: operators whose output is a gate in [0, 1]
GATES = ("Sigmoid", "HardSigmoid")
#: operators whose output gates the other factor of a product, in a gated MLP: GLU's variants (Shazeer 2020)
ACTIVATIONS = ("Swish", "QuickGelu", "Gelu", "FastGelu", "HardSwish", "Mish", "Relu")


@dataclass(frozen=True, eq=False)
class Walk:
    """The nodes that relevance passes, in forward order, and the values it passes through."""

    graph: Graph
    nodes: Sequence[Node]
    active: frozenset[str]

    def levels(self) -> dict[str, tuple[int, int]]:
        """For each convolution or dense node: how many others lie before it on the shortest and on the longest path.

        A graph that a node runs again and again counts once on the longest path.
        """
        found: dict[str, Reach] = {}
        _reach(self.nodes, self.active, {}, found)
        return found

    def last(self) -> frozenset[str]:
        """The convolution and dense nodes after which some path ends without another one."""
        read = {v for n in self.nodes for v in n.inputs}
        free = {v for n in self.nodes for v in n.outputs if v not in read or v in self.graph.outputs}
        found: set[str] = set()
        _free(self.nodes, free, found)
        return frozenset(found)

    def inside(self, node: Node) -> list[Walk]:
        """The walks through the graphs that a node runs, with what they read from outside under its name there."""
        assert isinstance(node.layer, Control)
        given = node.layer.given([v in self.active for v in node.inputs])
        there = dict(zip(node.layer.slots, node.inputs, strict=True))
        out = []
        for body in node.layer.bodies:
            g, first = body.graph, len(body.reads) - body.outside
            name = {v: there[i] for v, i in zip(g.inputs[first:], body.reads[first:], strict=True) if i in there}
            active = g.active(body.sources(given))
            nodes = [replace(n, inputs=tuple(name.get(v, v) for v in n.inputs)) for n in g.nodes]
            seen = replace(
                g,
                nodes=(*self.graph.nodes, *nodes),
                inputs=tuple(dict.fromkeys([*self.graph.inputs, *g.inputs])),
                floating=g.floating | self.graph.floating,
            )
            active = active | {name.get(v, v) for v in active}
            out.append(Walk(seen, [n for n in nodes if passes(n, active)], active))
        return out


#: how many weighted nodes lie before a value: (fewest, most)
Reach = tuple[int, int]


def _reach(nodes: Sequence[Node], active: Collection[str], before: dict[str, Reach], found: dict[str, Reach]) -> None:
    """Adds the reach of every value that relevance passes to `before`, and that of every weighted node to `found`."""
    for n in nodes:
        reach = {i: before.get(v, (0, 0)) for i, v in enumerate(n.inputs) if v in active and n.layer.carries(i)}
        if isinstance(n.layer, Control):
            for o, r in _reach_inside(n.layer, reach, found).items():
                before[n.outputs[o]] = r
            continue
        low, high = min(r[0] for r in reach.values()), max(r[1] for r in reach.values())
        step = int(is_weighted(n))
        if step:
            found[n.name] = low, high
        before.update(dict.fromkeys(n.outputs, (low + step, high + step)))


def _reach_inside(layer: Control, reach: Mapping[int, Reach], found: dict[str, Reach]) -> dict[int, Reach]:
    given = {layer.slots[i]: r for i, r in reach.items()}
    out: dict[int, Reach] = {}
    for body in layer.bodies:
        g = body.graph
        active = g.active(body.sources(given))
        before = {v: given[i] for v, i in zip(g.inputs, body.reads, strict=True) if i in given and v in active}
        ends, inner = before, dict[str, Reach]()
        for _ in range(2 if body.back else 1):
            starts, inner = dict(before), {}
            _reach([n for n in g.nodes if passes(n, active)], active, before, inner)
            # what is carried counts as what a step before made, as in all steps but the first
            ends, again = before, {g.inputs[k]: before[g.outputs[j]] for j, k in body.back if g.outputs[j] in before}
            before = {**starts, **again}
        found.update(inner)
        for v, o in zip(g.outputs, body.gives, strict=True):
            if o is not None and v in ends:
                r, known = ends[v], out.get(o, ends[v])
                out[o] = min(r[0], known[0]), max(r[1], known[1])
    return out


def _free(nodes: Sequence[Node], free: set[str], found: set[str]) -> None:
    """Adds the weighted nodes that lead to a value in `free` past no other, and the values on the way there."""
    for n in reversed(nodes):
        if not any(v in free for v in n.outputs):
            continue
        if isinstance(n.layer, Control):
            for body in n.layer.bodies:
                g = body.graph
                ends = {v for v, o in zip(g.outputs, body.gives, strict=True) if o is not None and n.outputs[o] in free}
                while True:
                    _free(g.nodes, ends, found)
                    more = {g.outputs[j] for j, k in body.back if g.inputs[k] in ends} - ends
                    if not more:
                        break
                    ends |= more
                reads = zip(g.inputs, body.reads, strict=True)
                free.update(n.inputs[n.layer.slots.index(i)] for v, i in reads if v in ends and i in n.layer.slots)
        elif is_weighted(n):
            found.add(n.name)
        else:
            free.update(n.inputs)


def passes(node: Node, active: Collection[str]) -> bool:
    """Whether relevance passes a node through these values."""
    return (
        not isinstance(node.layer, Integer)
        and any(v in active for v in node.outputs)
        and any(v in active and node.layer.carries(i) for i, v in enumerate(node.inputs))
    )


class Place:
    """A row's match by position: which of a walk's nodes it is for."""

    def names(self, walk: Walk) -> frozenset[str]:
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True)
class First(Place):
    """Convolution and dense layers that some path from what is explained reaches first."""

    def names(self, walk: Walk) -> frozenset[str]:
        return frozenset(name for name, (fewest, _) in walk.levels().items() if fewest == 0)


@dataclass(frozen=True)
class Last(Place):
    """Convolution and dense layers that are the last on some path to an output."""

    def names(self, walk: Walk) -> frozenset[str]:
        return walk.last()


@dataclass(frozen=True)
class Depth(Place):
    """Convolution and dense layers at depths `start` ≤ d < `stop`, d counted along the longest path from 0 (next to
    the input); negative numbers count from the deepest, as in a slice."""

    start: int | None = None
    stop: int | None = None

    def names(self, walk: Walk) -> frozenset[str]:
        depth = {name: most for name, (_, most) in walk.levels().items()}
        wanted = range(max(depth.values(), default=-1) + 1)[self.start : self.stop]
        return frozenset(name for name, d in depth.items() if d in wanted)


def is_weighted(node: Node) -> bool:
    return isinstance(node.layer, Affine) and node.layer.family in WEIGHTED


def matcher(match: Match, walk: Walk) -> Callable[[Node], bool]:
    """The predicate of a match, for the nodes of one walk."""
    if isinstance(match, tuple):
        each = [matcher(m, walk) for m in match]
        return lambda node: all(holds(node) for holds in each)
    if isinstance(match, Place):
        names = match.names(walk)
        return lambda node: node.name in names
    if isinstance(match, str):
        return _named(match, walk)
    if isinstance(match, type) and issubclass(match, Layer):
        return lambda node: isinstance(node.layer, match)
    if callable(match):
        return cast("Callable[[Node], bool]", match)
    raise RuleError(
        f"{match!r} matches nothing: a row is for a kind, family, operator, node name pattern, predicate or place"
    )


def _named(text: str, walk: Walk) -> Callable[[Node], bool]:
    if text in KINDS:
        return lambda node: isinstance(node.layer, KINDS[text])
    if text in FAMILIES:
        return lambda node: getattr(node.layer, "family", None) == text

    def holds(node: Node) -> bool:
        return node.op == text or fnmatchcase(node.name, text)

    if text not in {op for op, _, _ in registered()} and not any(holds(n) for n in walk.graph.every_node()):
        raise RuleError(
            f"{text!r} names no kind ({', '.join(KINDS)}), no family ({', '.join(FAMILIES)}), no operator that has a "
            f"layer and no node of this model; its operators are {', '.join(sorted({n.op for n in walk.graph.every_node()}))}"
        )
    return holds


def gate_of(graph: Graph, node: Node) -> int | None:
    """Which input of a product is its gate: the one made by a sigmoid, hard sigmoid or softmax, in [0, 1], or 1 − such a
    one; failing that the one made by an activation, as in a gated MLP. Seen through operators that only move values. In a recurrent cell
    the first. None where there is no such input, or more than one."""
    if getattr(node.layer, "family", None) == GATE:
        return 0
    for is_gate in (_bounded, _activated):
        gates = [i for i, v in enumerate(node.inputs) if (n := _origin(graph, v)) is not None and is_gate(graph, n)]
        if gates:
            return gates[0] if len(gates) == 1 else None
    return None


def _bounded(graph: Graph, node: Node) -> bool:
    if _is_rest(node):
        before = _origin(graph, node.inputs[0])
        return before is not None and _bounded(graph, before)
    return node.op in GATES or (isinstance(node.layer, SoftmaxKind) and not node.layer.log)


def _is_rest(node: Node) -> bool:
    """1 − x."""
    layer = node.layer
    return isinstance(layer, Additive) and layer.coefficients == (-1.0,) and all(bool((c == 1).all()) for c in layer.buffers())


def _activated(graph: Graph, node: Node) -> bool:
    return node.op in ACTIVATIONS


def _origin(graph: Graph, value: str) -> Node | None:
    """The node that made a value's numbers, which others may have moved since."""
    while (maker := graph.producer.get(value)) is not None and isinstance(maker.layer, Routing):
        moved = [v for i, v in enumerate(maker.inputs) if v in graph.floating and maker.layer.carries(i)]
        if len(moved) != 1:
            return None
        value = moved[0]
    return maker
