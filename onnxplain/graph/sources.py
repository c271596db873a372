"""Where attributions are read: floating inputs themselves; for an integer input the first floating values computed
from it (its embedding), whose relevance is then carried back to the integer positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from ..errors import RuleError
from ..layers.kinds import Routing
from ..layers.shapes import sum_to
from .graph import Graph, Node
from .pairing import Values

#: operators that read a value's shape, not its numbers
SHAPE_READERS = frozenset({"Shape", "Size", "ConstantOfShape"})


class Back(Protocol):
    """What is made of a sum of walks at a source that is not an input: `at_source`, reported as that value's own, and
    `run`, as the input's that it stands for (None: nothing is). `values`: what it reads."""

    def at_source(self, trace: Values, relevance: Tensor) -> Tensor: ...
    def run(self, trace: Values, relevance: Tensor) -> Tensor | None: ...
    def values(self) -> set[str]: ...


@dataclass(frozen=True, eq=False)
class Source:
    """A floating value where the walk ends. `inputs`: the model inputs it stands for (itself, if it is one).

    `back`: what carries relevance on to such an input; None: along the indices of an embedding.
    """

    value: str
    inputs: tuple[str, ...]
    back: Back | None = None


def find_sources(graph: Graph) -> list[Source]:
    """All sources of a graph, floating inputs first."""
    found = [Source(v, (v,)) for v in graph.inputs if v in graph.floating]
    reach: dict[str, tuple[str, ...]] = {v: (v,) for v in graph.inputs if v not in graph.floating}
    for n in graph.nodes:
        if n.op in SHAPE_READERS:
            continue
        inputs = tuple(dict.fromkeys(i for v in n.inputs for i in reach.get(v, ())))
        if not inputs:
            continue
        reads_floats = any(v in graph.floating for v in n.inputs)
        for v in n.outputs:
            if v not in graph.floating:
                reach[v] = inputs
            elif not reads_floats and _read_on(graph, v):
                found.append(Source(v, inputs))
    return found


def _read_on(graph: Graph, value: str) -> bool:
    """Whether relevance can reach a value: ids that are cast only to be compared, as Keras does, get none there."""
    readers = graph.consumers[value]
    return not readers or value in graph.outputs or any(
        v == value and n.layer.carries(i) for n in readers for i, v in enumerate(n.inputs)
    )


@dataclass(frozen=True, eq=False)
class IndexWalk:
    """Carries relevance at a boundary value back to one integer input: moved by Routing, summed over everything an
    operator spread an index out to (the embedding axis, the classes of a one-hot code), shared evenly where an
    operator mixes several indices."""

    graph: Graph
    source: str
    target: str

    def nodes(self) -> list[Node]:
        """The nodes between the integer input and the boundary value, in forward order."""
        depends = {self.target}
        path = []
        for n in self.graph.ancestors([self.source]):
            if n.op not in SHAPE_READERS and any(v in depends for v in n.inputs):
                depends.update(n.outputs)
                path.append(n)
        return path

    def values(self) -> set[str]:
        """Values whose shapes (for Routing: whose numbers, too) the walk reads."""
        return {v for n in self.nodes() for v in (*n.inputs, *n.outputs)}

    def run(self, trace: Values, relevance: Tensor) -> Tensor:
        at = trace.__getitem__
        carried: dict[str, Tensor] = {self.source: relevance}
        depends = {self.target} | {v for n in self.nodes() for v in n.outputs}
        for n in reversed(self.nodes()):
            given = [carried.pop(v, None) for v in n.outputs]
            if all(g is None for g in given):
                continue
            reached = [i for i, v in enumerate(n.inputs) if v in depends]
            if isinstance(n.layer, Routing) and any(n.layer.carries(i) for i in reached):
                pulled = n.layer.adjoint(given, [at(v) for v in n.inputs], [at(v) for v in n.outputs])
            else:
                g = next(g for g in given if g is not None)
                share = g / len(reached)
                pulled = tuple(
                    _gather_up(share, at(v).shape, n) if i in reached else None for i, v in enumerate(n.inputs)
                )
            for i in reached:
                p, v = pulled[i], n.inputs[i]
                if p is not None:
                    carried[v] = carried[v] + p if v in carried else p
        return carried[self.target] if self.target in carried else relevance.new_zeros((relevance.shape[0], *at(self.target).shape))


def _gather_up(g: Tensor, shape: Sequence[int], node: Node) -> Tensor:
    """(T, *spread) → (T, *shape): sum over the axes an operator added to the index's own."""
    spread, wanted = tuple(g.shape[1:]), tuple(shape)
    extra = len(spread) - len(wanted)
    if extra == 0 or (extra > 0 and node.op not in {"Gather", "OneHot"} and _broadcasts(wanted, spread)):
        return sum_to(g, wanted)
    axis = int(getattr(node.layer, "axis", 0))
    starts = [axis if axis >= 0 else axis + len(spread), *range(extra + 1)]
    for k in starts:
        if k <= extra and spread[k : k + len(wanted)] == wanted:
            axes = [1 + a for a in range(len(spread)) if not k <= a < k + len(wanted)]
            return g.sum(axes) if axes else g
    if node.op == "OneHot" and extra == 1:
        a = axis if axis >= 0 else axis + len(spread)
        return g.sum(1 + a)
    raise RuleError(
        f"integer values of shape {wanted} spread by node {node.name!r} ({node.op}) to {spread}: no way is known to bring "
        f"relevance back to them; cut the model there with ox.load(inputs=[{node.outputs[0]!r}])"
    )


def _broadcasts(small: Sequence[int], big: Sequence[int]) -> bool:
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(big), strict=False))
