"""Which nodes a composite's row is for: by kind, family, operator, name, predicate, or place in the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from ..errors import RuleError
from ..layers.base import Layer, registered
from ..layers.kinds import Additive, Affine, Elementwise, Normalization, Pooling, Product, Routing, SoftmaxKind

if TYPE_CHECKING:
    from ..graph.graph import Graph, Node

#: a kind ("Affine", or its class), a family of Affine ("convolution"), an operator ("Conv"), a pattern of node names
#: ("encoder/*"), a predicate of nodes, a place (`First()`, …), or a tuple of these that must all hold
Match: TypeAlias = "str | type[Layer] | Callable[[Node], bool] | Place | tuple[Any, ...]"

KINDS: dict[str, type[Layer]] = {
    c.kind: c for c in (Affine, Elementwise, Additive, Routing, Pooling, Product, SoftmaxKind, Normalization)
}
FAMILIES = ("convolution", "dense", "average", "batch_norm", "scale", "resize", "other")
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
        """For each convolution or dense node: how many others lie before it on the shortest and on the longest path."""
        before: dict[str, tuple[int, int]] = {}  # value → (fewest, most) weighted nodes up to it
        found: dict[str, tuple[int, int]] = {}
        for n in self.nodes:
            reach = [before.get(v, (0, 0)) for i, v in enumerate(n.inputs) if v in self.active and n.layer.carries(i)]
            low, high = min(r[0] for r in reach), max(r[1] for r in reach)
            step = int(is_weighted(n))
            if step:
                found[n.name] = low, high
            before.update(dict.fromkeys(n.outputs, (low + step, high + step)))
        return found

    def last(self) -> frozenset[str]:
        """The convolution and dense nodes after which some path ends without another one."""
        read = {v for n in self.nodes for v in n.inputs}
        free = {v for n in self.nodes for v in n.outputs if v not in read or v in self.graph.outputs}
        found = set()
        for n in reversed(self.nodes):
            if any(v in free for v in n.outputs):
                if is_weighted(n):
                    found.add(n.name)
                else:
                    free.update(n.inputs)
        return frozenset(found)


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

    if text not in {op for op, _, _ in registered()} and not any(holds(n) for n in walk.graph.nodes):
        raise RuleError(
            f"{text!r} names no kind ({', '.join(KINDS)}), no family ({', '.join(FAMILIES)}), no operator that has a "
            f"layer and no node of this model; its operators are {', '.join(sorted({n.op for n in walk.graph.nodes}))}"
        )
    return holds


def gate_of(graph: Graph, node: Node) -> int | None:
    """Which input of a product is its gate: the one made by a sigmoid, hard sigmoid or softmax, in [0, 1]; failing that
    the one made by an activation, as in a gated MLP. Seen through operators that only move values. None where there is
    no such input, or more than one."""
    for is_gate in (_bounded, _activated):
        gates = [i for i, v in enumerate(node.inputs) if (n := _origin(graph, v)) is not None and is_gate(n)]
        if gates:
            return gates[0] if len(gates) == 1 else None
    return None


def _bounded(node: Node) -> bool:
    return node.op in GATES or (isinstance(node.layer, SoftmaxKind) and not node.layer.log)


def _activated(node: Node) -> bool:
    return node.op in ACTIVATIONS


def _origin(graph: Graph, value: str) -> Node | None:
    """The node that made a value's numbers, which others may have moved since."""
    while (maker := graph.producer.get(value)) is not None and isinstance(maker.layer, Routing):
        moved = [v for i, v in enumerate(maker.inputs) if v in graph.floating and maker.layer.carries(i)]
        if len(moved) != 1:
            return None
        value = moved[0]
    return maker
