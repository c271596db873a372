"""Graph → flat lists of calls over integer slots: the forward pass that keeps what a walk reads, and the walk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from ..errors import InputError, RuleError
from ..layers.base import Layer
from ..layers.shapes import stand_in
from ..rules.base import Relevances, Rule, Site
from .graph import Graph, Node
from .pairing import Pairing

#: (node, relevance at its outputs, relevance at its inputs, site): sees every node of a walk
Observer = Callable[[Node, Relevances, Relevances, Site], None]


@dataclass(frozen=True, eq=False)
class Trace:
    """The values of one forward pass, by name. Values no walk reads are stand-ins: their shape, without numbers."""

    slots: list[Tensor | None]
    index: Mapping[str, int]

    def __getitem__(self, value: str) -> Tensor:
        x = self.slots[self.index[value]]
        assert x is not None, f"value {value!r} was freed"
        return x

    def __contains__(self, value: str) -> bool:
        return value in self.index and self.slots[self.index[value]] is not None


class Forward:
    """The calls that compute `wanted` from `feeds`; values outside `keep` are freed after their last use."""

    def __init__(self, graph: Graph, feeds: Sequence[str], wanted: Iterable[str], keep: Iterable[str] | None) -> None:
        wanted = [v for v in wanted if v not in graph.constants]
        self.nodes = graph.ancestors(wanted, stop=feeds)
        self.feeds = tuple(feeds)
        self.index = {v: i for i, v in enumerate(self.feeds)}
        for n in self.nodes:
            for v in n.outputs:
                if v not in self.index:
                    self.index[v] = len(self.index)
        self.wanted = tuple(wanted)
        self.constants = dict(graph.constants)
        for v in self.constants:
            self.index.setdefault(v, len(self.index))
        kept = set(self.index) if keep is None else set(keep) | set(wanted)
        last: dict[str, int] = {}
        for k, n in enumerate(self.nodes):
            for v in (*n.inputs, *n.outputs):
                last[v] = k
        frees: list[list[int]] = [[] for _ in self.nodes]
        for v, k in last.items():
            if v not in kept:
                frees[k].append(self.index[v])
        self.steps = [
            (n.layer.forward, tuple(self.index[v] for v in n.inputs), tuple(self.index[v] for v in n.outputs), tuple(f))
            for n, f in zip(self.nodes, frees, strict=True)
        ]

    def run(self, feeds: Mapping[str, Tensor]) -> Trace:
        slots: list[Tensor | None] = [None] * len(self.index)
        for v in self.feeds:
            slots[self.index[v]] = feeds[v]
        for v, c in self.constants.items():
            slots[self.index[v]] = c
        k = 0
        try:
            for k, (forward, ins, outs, frees) in enumerate(self.steps):  # noqa: B007 — an error names node k
                made = forward(*[slots[i] for i in ins])
                if isinstance(made, tuple):
                    for o, y in zip(outs, made, strict=False):
                        slots[o] = y
                else:
                    slots[outs[0]], made = made, (made,)
                if len(made) < len(outs):
                    raise ValueError(f"it makes {len(made)} values, not {len(outs)}")
                for i in frees:
                    if (x := slots[i]) is not None:
                        slots[i] = stand_in(x)
        except (RuntimeError, LookupError, ArithmeticError, ValueError, TypeError) as error:
            n = self.nodes[k]
            shapes = ", ".join(
                f"{v!r} {tuple(x.shape)}" for v in n.inputs if (x := slots[self.index[v]]) is not None
            )
            raise InputError(
                f"node {n.name!r} ({n.op}) cannot take values {shapes}: {str(error).splitlines()[0]}; "
                "do all inputs have the shapes the model was made for?"
            ) from error
        return Trace(slots, self.index)


class Backward:
    """The walk from the values `seeds` to the values `sources`, each node under its rule, in reverse order.

    `keep` afterwards holds what the forward pass must keep for it.
    """

    def __init__(
        self,
        graph: Graph,
        seeds: Iterable[str],
        sources: Sequence[str],
        rules: Mapping[str, Rule],
        wanted: Iterable[str] = (),
    ) -> None:
        self.seeds = tuple(seeds)
        self.wanted = frozenset(wanted) | set(sources)
        active, nodes = walked(graph, self.seeds, sources)
        self.nodes = tuple(reversed(nodes))
        self.index = {v: i for i, v in enumerate(dict.fromkeys(v for n in nodes for v in (*n.inputs, *n.outputs)))}
        for v in (*self.seeds, *sources):
            self.index.setdefault(v, len(self.index))
        self.nodes_values = frozenset(v for v in self.index if v in active)
        self.keep: set[str] = set()
        self.steps: list[tuple[Node, Rule, tuple[int, ...], tuple[int, ...], tuple[bool, ...], tuple[bool, ...]]] = []
        for n in self.nodes:
            rule = rules[n.name]
            reads = rule.reads(n.layer)
            if "inputs" in reads:
                self.keep.update(n.inputs)
            if "outputs" in reads:
                self.keep.update(n.outputs)
            if settles(n):
                self.keep.update(v for i, v in enumerate(n.inputs) if not n.layer.carries(i))
            self.steps.append(
                (
                    n,
                    rule,
                    tuple(self.index[v] for v in n.inputs),
                    tuple(self.index[v] for v in n.outputs),
                    tuple(v in graph.nonnegative for v in n.inputs),
                    tuple(v in active and n.layer.carries(i) for i, v in enumerate(n.inputs)),
                )
            )
        self.keep.update(sources)
        self.free = [frozenset(o for o, v in zip(s[3], s[0].outputs, strict=True) if v not in self.wanted) for s in self.steps]

    def run(
        self,
        trace: Trace,
        seeds: Mapping[str, Tensor],
        trace0: Trace | None = None,
        pairing: Pairing | None = None,
        observe: Observer | None = None,
    ) -> dict[str, Tensor]:
        relevance: list[Tensor | None] = [None] * len(self.index)
        for v, r in seeds.items():
            relevance[self.index[v]] = r
        pair = pairing or Pairing()
        for (node, rule, ins, outs, nonnegative, active), free in zip(self.steps, self.free, strict=True):
            given = tuple([relevance[o] for o in outs])
            if all(r is None for r in given):
                continue
            if settles(node):
                layer, read = node.layer.settle([trace[v] for v in node.inputs]), node.inputs[:1]
            else:
                layer, read = node.layer, node.inputs
            if trace0 is None:
                site = Site(
                    layer, [trace[v] for v in read], [trace[v] for v in node.outputs], None, None, nonnegative, active
                )
            else:
                xs, xs0 = pair.of(read, trace, trace0)
                ys, ys0 = pair.of(node.outputs, trace, trace0)
                site = Site(layer, xs, ys, xs0, ys0, nonnegative, active)
            try:
                pulled = rule(site, given)
            except (RuntimeError, LookupError, ValueError, TypeError) as error:
                raise RuleError(f"node {node.name!r} ({node.op}) under {rule!r}: {str(error).splitlines()[0]}") from error
            except RuleError as error:
                raise RuleError(f"node {node.name!r} ({node.op}): {error}") from error
            if observe is not None:
                observe(node, given, tuple(p if a else None for p, a in zip(pulled, active, strict=False)), site)
            for o in free:
                relevance[o] = None
            for i, p, a in zip(ins, pulled, active, strict=False):
                if a and p is not None:
                    before = relevance[i]
                    relevance[i] = p if before is None else before + p
        return {v: r for v in self.wanted if (r := relevance[self.index[v]]) is not None}


def settles(node: Node) -> bool:
    """Whether the layer's constants depend on its inputs: it is affine in the first, given the others."""
    return type(node.layer).settle is not Layer.settle


def walked(graph: Graph, seeds: Iterable[str], sources: Sequence[str]) -> tuple[frozenset[str], list[Node]]:
    """(active values, nodes that pass relevance from `seeds` to `sources`, in forward order)."""
    active = graph.active(sources)
    nodes = [
        n
        for n in graph.ancestors(seeds, stop=sources)
        if any(v in active for v in n.outputs)
        and any(v in active and n.layer.carries(i) for i, v in enumerate(n.inputs))
    ]
    return active, nodes

