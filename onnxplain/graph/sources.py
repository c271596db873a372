"""Where attributions are read: floating inputs themselves; for an integer input the first floating values computed
from it (its embedding), whose relevance is then carried back to the integer positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from torch import Tensor

from ..errors import RuleError
from ..layers.control import Control
from ..layers.kinds import Elementwise, Integer, Routing
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
    reach: Reach = {v: (v,) for v in graph.inputs if v not in graph.floating}
    filled = filled_in(graph)
    hidden = {i for inputs in filled.values() for i in inputs}
    found = [Source(v, (v,)) for v in graph.inputs if v in graph.floating and v not in hidden]
    return found + [Source(v, inputs) for v, inputs in filled.items()] + _boundaries(graph, reach)


#: value → the integer inputs that it is computed from
Reach = dict[str, tuple[str, ...]]


def filled_in(graph: Graph) -> dict[str, tuple[str, ...]]:
    """value → inputs, for values in which the missing numbers of these inputs are filled in, where nothing else reads
    them: NaN has no difference to a baseline, what it is replaced by has one."""
    moved: Reach = {v: (v,) for v in graph.inputs if v in graph.floating}
    found: dict[str, tuple[str, ...]] = {}
    read = {i for v in graph.outputs for i in moved.get(v, ())}
    for n in graph.nodes:
        given = [v for i, v in enumerate(n.inputs) if v in moved]
        inputs = tuple(dict.fromkeys(i for v in given for i in moved[v]))
        carried = [v for i, v in enumerate(n.inputs) if n.layer.carries(i) and v in graph.floating]
        if not inputs or n.op in SHAPE_READERS:
            continue
        if isinstance(n.layer, Elementwise) and n.layer.fills:
            found[n.outputs[0]] = inputs
        elif isinstance(n.layer, Routing) and carried == given and not set(n.outputs) & set(graph.outputs):
            moved.update(dict.fromkeys(n.outputs, inputs))
        else:
            read.update(inputs)
    while also := {i for inputs in found.values() if read.intersection(inputs) for i in inputs} - read:
        read |= also
    return {v: inputs for v, inputs in found.items() if not read.intersection(inputs)}


def _boundaries(graph: Graph, reach: Reach) -> list[Source]:
    """The first floating values computed from integer inputs; `reach` is completed on the way."""
    found = []
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
            elif not reads_floats and not isinstance(n.layer, Control) and _read_on(graph, v):
                found.append(Source(v, inputs))
            elif not reads_floats and _counts(n):
                reach[v] = inputs
    return found


def inside(nodes: Iterable[Node], reach: Reach) -> Iterator[tuple[Node, Source]]:
    """(node, source) for every source that lies in a graph that a node runs. `reach`: as `_boundaries` leaves it."""
    for n in nodes:
        if not isinstance(n.layer, Control):
            continue
        by_input = {i: reach[v] for i, v in zip(n.layer.slots, n.inputs, strict=True) if v in reach}
        for body in n.layer.bodies:
            g = body.graph
            start = {v: by_input[i] for v, i in zip(g.inputs, body.reads, strict=True) if i in by_input}
            while True:
                within = dict(start)
                found = _boundaries(g, within)
                again = {g.inputs[k]: within[g.outputs[j]] for j, k in body.back if g.outputs[j] in within}
                if again.keys() <= start.keys():
                    break
                start = {**again, **start}
            yield from ((n, s) for s in found)
            yield from ((n, s) for _, s in inside(g.nodes, within))


def check_inside(graph: Graph, nodes: Iterable[Node]) -> None:
    """Raises `RuleError` where an integer input becomes floating in a graph that one of the nodes runs: what it
    contributes there cannot be brought back to it."""
    reach: Reach = {v: (v,) for v in graph.inputs if v not in graph.floating}
    _boundaries(graph, reach)
    for n, source in inside(nodes, reach):
        raise RuleError(
            f"integer input {source.inputs[0]!r} becomes floating inside node {n.name!r} ({n.op}), as value {source.value!r}: "
            "relevance is not brought back from there; compute that value outside of the node, or take a method that only "
            "calls the model, such as KernelShap"
        )


def _counts(n: Node) -> bool:
    """Whether it counts n-grams: what is only compared with 0 afterwards, as scikit-learn's `binary=True`, still tells which
    there are."""
    return isinstance(n.layer, Integer) and type(n.layer).back is not Integer.back


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
    operator mixes several indices. `beside`: the other inputs that the value is computed from, which take their share."""

    graph: Graph
    source: str
    target: str
    beside: tuple[str, ...] = ()

    @cached_property
    def nodes(self) -> list[Node]:
        """The nodes between the integer input and the boundary value, in forward order."""
        depends = {self.target, *self.beside}
        path = []
        for n in self.graph.ancestors([self.source]):
            if n.op not in SHAPE_READERS and any(v in depends for v in n.inputs):
                depends.update(n.outputs)
                path.append(n)
        return path

    def values(self) -> set[str]:
        """Values whose shapes (for Routing: whose numbers, too) the walk reads."""
        return {v for n in self.nodes for v in (*n.inputs, *n.outputs)}

    def run(self, trace: Values, relevance: Tensor) -> Tensor:
        at = trace.__getitem__
        carried: dict[str, Tensor] = {self.source: relevance}
        depends = {self.target, *self.beside} | {v for n in self.nodes for v in n.outputs}
        for n in reversed(self.nodes):
            given = [carried.pop(v, None) for v in n.outputs]
            if all(g is None for g in given):
                continue
            reached = [i for i, v in enumerate(n.inputs) if v in depends]
            own = n.layer.back(given, [at(v) for v in n.inputs]) if isinstance(n.layer, Integer) else None
            if own is not None:
                pulled: tuple[Tensor | None, ...] = (own, *(None for _ in n.inputs[1:]))
            elif isinstance(n.layer, Routing) and any(n.layer.carries(i) for i in reached):
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
    kept = extra == 0 or (extra > 0 and node.op not in {"Gather", "OneHot", "OneHotEncoder"})
    if kept and _broadcasts(wanted, spread):
        return sum_to(g, wanted)
    axis = int(getattr(node.layer, "axis", 0))
    if node.op == "OneHotEncoder":  # its categories are the last axis
        return g.sum(-1)
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
