"""Node and Graph: layers at places, connected by named values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.control import Control
from .memo import Memo


@dataclass(frozen=True, eq=False)
class Node:
    """A layer at a place. `inputs` are the values it reads at run time (constants live in the layer);
    an output that nobody reads has a name all the same."""

    name: str
    op: str
    layer: Layer
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    @property
    def kind(self) -> str:
        return self.layer.kind


@dataclass(frozen=True, eq=False)
class Graph:
    """Nodes in topological order, with named inputs and outputs; a value may be read any number of times.

    `constants`: graph outputs that do not depend on any input. `floating`: the values that hold floating numbers.
    `shapes`: of those values of which something is known; a size that is free or unknown is None.
    """

    nodes: tuple[Node, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    floating: frozenset[str]
    constants: Mapping[str, Tensor] = field(default_factory=dict)
    shapes: Mapping[str, tuple[int | None, ...]] = field(default_factory=dict)

    @cached_property
    def ranks(self) -> dict[str, int]:
        """The number of axes of the values of known rank."""
        return {v: len(shape) for v, shape in self.shapes.items()}

    @cached_property
    def producer(self) -> dict[str, Node]:
        """The node that makes each value."""
        return {v: n for n in self.nodes for v in n.outputs}

    @cached_property
    def consumers(self) -> dict[str, list[Node]]:
        """The nodes that read each value (a node that reads it twice stands there once)."""
        out: dict[str, list[Node]] = {v: [] for v in self.values}
        for n in self.nodes:
            for v in dict.fromkeys(n.inputs):
                out[v].append(n)
        return out

    @cached_property
    def values(self) -> tuple[str, ...]:
        """Every value's name: inputs first, then in the order they are computed."""
        return tuple(dict.fromkeys([*self.inputs, *(v for n in self.nodes for v in n.outputs)]))

    @cached_property
    def slots(self) -> dict[str, int]:
        """A number for every value and constant: where all plans of this graph keep it."""
        return {v: i for i, v in enumerate(dict.fromkeys([*self.values, *self.constants]))}

    @cached_property
    def memo(self) -> Memo:
        """What was derived from this graph already."""
        return Memo()

    @cached_property
    def stepped(self) -> bool:
        """Whether nodes run graphs of their own, step by step, or a kernel that does."""
        return any(n.kind == "Control" for n in self.nodes)

    def ancestors(self, values: Iterable[str], stop: Iterable[str] = ()) -> tuple[Node, ...]:
        """The nodes needed to compute `values` when the values `stop` are given."""
        given, wanted, needed = set(stop), set(values), []
        for n in reversed(self.nodes):
            if any(v in wanted and v not in given for v in n.outputs):
                needed.append(n)
                wanted.update(n.inputs)
        return tuple(reversed(needed))

    def descendants(self, values: Iterable[str]) -> frozenset[str]:
        """`values` and every value that depends on one of them."""
        reached = set(values)
        for n in self.nodes:
            if any(v in reached for v in n.inputs):
                reached.update(n.outputs)
        return frozenset(reached)

    @cached_property
    def joins_samples(self) -> bool:
        """Whether what it makes of one sample depends on the others beside it."""
        return any(n.layer.joins_samples for n in self.every_node())

    @cached_property
    def draws(self) -> tuple[str, ...]:
        """The nodes that draw random numbers."""
        return tuple(n.name for n in self.every_node() if n.layer.draws)

    @cached_property
    def rounds(self) -> bool:
        """Whether values are rounded to few bits on the way."""
        return any(n.layer.rounds for n in self.every_node())

    @cached_property
    def nonnegative(self) -> frozenset[str]:
        """Values that are ≥ 0 for every input, by data flow."""
        known: set[str] = set()
        for n in self.nodes:
            if n.layer.nonnegative(tuple(v in known for v in n.inputs)):
                known.update(v for v in n.outputs if v in self.floating)
        return frozenset(known)

    def active(self, sources: Iterable[str]) -> frozenset[str]:
        """The values that relevance can pass on its way to `sources`: floating values computed from them through
        inputs that carry relevance."""
        reached = set(sources)
        for n in self.nodes:
            if any(v in reached and n.layer.carries(i) for i, v in enumerate(n.inputs)):
                outputs = n.outputs
                if isinstance(n.layer, Control):
                    known = n.layer.active([v in reached for v in n.inputs])
                    outputs = tuple(v for v, a in zip(outputs, known, strict=False) if a)
                reached.update(v for v in outputs if v in self.floating)
        return frozenset(reached)

    def with_bodies(self, change: Callable[[Graph], Graph]) -> Graph:
        """The graph in which the graphs that its nodes run are changed."""
        if not self.stepped:
            return self
        nodes = [replace(n, layer=n.layer.with_graphs(change)) if isinstance(n.layer, Control) else n for n in self.nodes]
        return replace(self, nodes=tuple(nodes))

    def every_node(self) -> Iterator[Node]:
        """The nodes, each followed by those of the graphs that it runs."""
        for n in self.nodes:
            yield n
            if isinstance(n.layer, Control):
                for body in n.layer.bodies:
                    yield from body.graph.every_node()

    def to(self, device: torch.device | str) -> Graph:
        for n in self.nodes:
            n.layer.to(device)
        return replace(self, constants={k: v.to(device) for k, v in self.constants.items()})

    def __str__(self) -> str:
        rows = [("node", "operator", "kind", "reads", "makes")]
        rows += [(n.name, n.op, n.kind, ", ".join(n.inputs), ", ".join(n.outputs)) for n in self.nodes]
        widths = [max(len(r[i]) for r in rows) for i in range(5)]
        return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows)

    def check(self) -> None:
        """Every value is made once, before it is read; every output exists. Raises `ModelError` otherwise."""
        from ..errors import ModelError

        made = set(self.inputs) | set(self.constants)
        for n in self.nodes:
            missing = [v for v in n.inputs if v not in made]
            if missing:
                raise ModelError(f"node {n.name!r} ({n.op}) reads {missing}, which nothing before it makes")
            again = [v for v in n.outputs if v in made]
            if again:
                raise ModelError(f"node {n.name!r} ({n.op}) makes {again} a second time")
            made.update(n.outputs)
        lost = [v for v in self.outputs if v not in made]
        if lost:
            raise ModelError(f"outputs {lost} are computed by no node")

    def to_networkx(self) -> Any:
        """A networkx DiGraph: one node per input, layer and output; edges carry the value's name."""
        import networkx as nx

        g = nx.MultiDiGraph()
        maker: dict[str, str] = {}
        for v in self.inputs:
            g.add_node(f"input:{v}", role="input", label=v)
            maker[v] = f"input:{v}"
        for n in self.nodes:
            g.add_node(n.name, role="layer", label=n.op, op=n.op, kind=n.kind)
            for v in n.inputs:
                if v in maker:
                    g.add_edge(maker[v], n.name, value=v)
            maker.update(dict.fromkeys(n.outputs, n.name))
        for v in self.outputs:
            g.add_node(f"output:{v}", role="output", label=v)
            if v in maker:
                g.add_edge(maker[v], f"output:{v}", value=v)
        return g

    def to_dot(self) -> str:
        """Graphviz source of the same picture."""
        g = self.to_networkx()
        ids = {n: f"n{i}" for i, n in enumerate(g.nodes)}
        quote = str.maketrans({'"': '\\"', "\\": "\\\\"})
        shape = {"input": "ellipse", "output": "ellipse", "layer": "box"}
        lines = ["digraph model {"]
        lines += [f'  {ids[n]} [label="{str(d["label"]).translate(quote)}", shape={shape[d["role"]]}];' for n, d in g.nodes(data=True)]
        lines += [f'  {ids[a]} -> {ids[b]} [label="{d["value"].translate(quote)}"];' for a, b, d in g.edges(data=True)]
        return "\n".join([*lines, "}"])
