"""Graph → flat lists of calls over integer slots: the forward pass that keeps what a walk reads, and the walk."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from ..errors import InputError, RuleError, first_line
from ..layers.base import Layer
from ..layers.control import Control
from ..layers.kinds import Elementwise
from ..layers.laid import Laid
from ..layers.shapes import stand_in
from ..rules.base import Hot, Rule, Single
from .folding import fold
from .graph import Graph, Node
from .overwriting import overwriting
from .pairing import Pairing
from .parting import Slots, in_parts, joined, passing
from .rectified import rectified
from .shortcuts import left_out, masked, shared_factors
from .signs import mixed
from .visit import Observer, Visit, add, pass_on, sending, settles, step


@dataclass(eq=False)
class Trace:
    """The values of one forward pass, by name. Values no walk reads are stand-ins: their shape, without numbers."""

    slots: list[Tensor | None]
    index: Mapping[str, int]

    def __getitem__(self, value: str) -> Tensor:
        x = self.slots[self.index[value]]
        assert x is not None, f"value {value!r} was freed"
        return x

    def get(self, value: str) -> Tensor | None:
        """The value; None where it was not made."""
        slot = self.index.get(value)
        return None if slot is None else self.slots[slot]

    def __contains__(self, value: str) -> bool:
        return self.get(value) is not None

    def rows(self, which: slice, values: Collection[str]) -> Trace:
        """Some rows (axis 0) of these values, beside the others."""
        slots = list(self.slots)
        for v in values:
            x = slots[self.index[v]]
            assert x is not None
            slots[self.index[v]] = x[which]
        return Trace(slots, self.index)


class Forward:
    """The calls that compute `wanted` from `feeds`; values outside `keep` are freed after their last use. `spent`: feeds that
    are given to this pass alone, and may be written over."""

    def __init__(
        self, graph: Graph, feeds: Sequence[str], wanted: Iterable[str], keep: Iterable[str] | None, spent: Collection[str] = ()
    ) -> None:
        wanted = [v for v in wanted if v not in graph.constants]
        self.nodes = graph.ancestors(wanted, stop=feeds)
        lay_out(graph)
        self.feeds = tuple(feeds)
        self.wanted = tuple(wanted)
        self.constants = dict(graph.constants)
        made = (v for n in self.nodes for v in n.outputs)
        self.index = {v: graph.slots[v] for v in dict.fromkeys([*self.feeds, *made, *self.constants])}
        self.size = len(graph.slots)
        self.given: list[Tensor | None] = [None] * self.size
        for v, c in self.constants.items():
            self.given[self.index[v]] = c
        kept = set(self.index) if keep is None else set(keep) | set(wanted)
        last: dict[str, int] = {}
        for k, n in enumerate(self.nodes):
            for v in (*n.inputs, *n.outputs):
                last[v] = k
        frees: list[list[int]] = [[] for _ in self.nodes]
        for v, k in last.items():
            if v not in kept:
                frees[k].append(self.index[v])
        over = overwriting(self.nodes, kept | (set(self.feeds) - set(spent)), spent)
        self.calls = [_call(n, self.index, f, over.get(n.name, n.layer.forward)) for n, f in zip(self.nodes, frees, strict=True)]

    def run(self, feeds: Mapping[str, Tensor]) -> Trace:
        slots = self.given.copy()
        shapes: dict[tuple[torch.Size, torch.dtype], Tensor] = {}
        for v in self.feeds:
            slots[self.index[v]] = feeds[v]
        try:
            for node, forward, one, several, out, outs, frees in self.calls:  # noqa: B007 — an error names the node
                made = forward(slots[one]) if several is None else forward(*several(slots))
                if outs is None and not isinstance(made, tuple):
                    slots[out] = made
                else:
                    _store(slots, (out,) if outs is None else outs, made if isinstance(made, tuple) else (made,))
                for i in frees:
                    if (x := slots[i]) is not None:
                        key = x.shape, x.dtype
                        if (rest := shapes.get(key)) is None:
                            rest = shapes[key] = stand_in(x)
                        slots[i] = rest
        except (RuntimeError, LookupError, ArithmeticError, ValueError, TypeError) as error:
            given = ", ".join(
                f"{v!r} {tuple(x.shape)}" for v in node.inputs if (x := slots[self.index[v]]) is not None
            )
            raise InputError(
                f"node {node.name!r} ({node.op}) cannot take values {given}: {first_line(error)}; "
                "do all inputs have the shapes the model was made for?"
            ) from error
        return Trace(slots, self.index)


def lay_out(graph: Graph) -> None:
    """Puts the constants of all layers in the order that they are read in fastest."""
    laid = Laid()
    for part in (m for n in graph.nodes for m in n.layer.modules() if isinstance(m, Layer)):
        part.lay_out(laid)


#: a node, its function, the slot it reads (or what takes several from theirs), the slot it fills (or several), those
#: that are freed after it
Call = tuple[Node, Callable[..., Any], int, Callable[[list[Any]], Sequence[Any]] | None, int, Sequence[int] | None, list[int]]


#: a visit, its rule as a function, and as one that may write over relevance; whose its results are; and its slots
Step = tuple[Visit, Single | None, Single | None, tuple[bool, bool], int, int, int, int, bool]


def _call(n: Node, index: Mapping[str, int], frees: list[int], function: Callable[..., Any]) -> Call:
    several, outs = getter(n.inputs, index), [index[v] for v in n.outputs]
    one, out = len(n.inputs) == 1, len(outs) == 1
    return (
        *(n, function, index[n.inputs[0]] if one else 0, None if one else several),
        *(outs[0] if out else 0, None if out else outs, frees),
    )


def _store(slots: list[Tensor | None], outs: Sequence[int], made: Sequence[Tensor]) -> None:
    if len(made) < len(outs):
        raise ValueError(f"it makes {len(made)} values, not {len(outs)}")
    for o, y in zip(outs, made, strict=False):  # outputs that nobody named may follow
        slots[o] = y


def getter(values: Sequence[str], index: Mapping[str, int]) -> Callable[[list[Any]], Sequence[Any]]:
    """slots → what these values' slots hold, without a loop in Python."""
    at = [index[v] for v in values]
    if len(at) < 2:
        return itemgetter(slice(at[0], at[0] + 1) if at else slice(0))
    return itemgetter(*at)


class Backward:
    """The walk from the values `seeds` to the values `sources`, each node under its rule, in reverse order.

    `keep` afterwards holds what the forward pass must keep for it: what is `read`, and the sources.
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
        self.size, self.index = len(graph.slots), graph.slots
        # what a body reads must have the rows of what else it reads, relevance or not
        self.nodes_values = frozenset(
            v for n in nodes for v in (*n.inputs, *n.outputs) if v in active or isinstance(n.layer, Control)
        )
        self.counted = frozenset(v for n in nodes if n.layer.counts_samples for v in n.inputs) - active
        self.read: set[str] = set()
        stand_for = rectified(self.nodes, rules, self.seeds, active)
        self.visits = [self._visit(n, rules[n.name], graph, active, stand_for) for n in self.nodes]
        self.keep = self.read | set(sources)
        forms, shared = shared_factors(self.visits, self.wanted | set(self.seeds))
        forms |= masked(self.visits, self.wanted | set(self.seeds))
        self.calls = [self._step(v, *forms.get(k, (v.single, v.over))) for k, v in enumerate(self.visits)]
        self.hot = self._hot(shared.get(0))

    @cached_property
    def moves(self) -> list[tuple[list[int], list[int], list[int]]]:
        """Of every visit the slots of all values that the node reads and makes; those whose relevance is gone after it;
        and those where there is some from then on."""
        slot = self.index
        return [
            (
                [slot[v] for v in (*n.inputs, *n.outputs)],
                [slot[v] for v in n.outputs if v not in self.wanted],
                [slot[v] for v in n.inputs if v in self.nodes_values],
            )
            for n in self.nodes
        ]

    @cached_property
    def weights(self) -> int:
        """Bytes of the constants of its layers."""
        return sum(b.numel() * b.element_size() for n in self.nodes for b in n.layer.buffers())

    def _visit(self, n: Node, rule: Rule, graph: Graph, active: frozenset[str], stand_for: Mapping[str, str]) -> Visit:
        """One node's place in the walk; notes what the forward pass must keep for it."""
        reads, slot = rule.reads(n.layer), graph.slots
        positive = rule.takes_rectified and len(n.outputs) == 1 and n.outputs[0] in stand_for
        nonnegative = tuple([v in graph.nonnegative for v in n.inputs])
        if positive and not any(nonnegative[:1]):
            reads |= rule.reads_where_positive
        makes = (stand_for[n.outputs[0]],) if positive else n.outputs
        known = (makes != n.outputs, positive and "outputs" in reads, mixed(graph, n.inputs))
        if "inputs" in reads:
            self.read.update(n.inputs)
        if "outputs" in reads:
            self.read.update(makes)
        if settles(n):
            self.read.update(v for i, v in enumerate(n.inputs) if not n.layer.carries(i))
        carries = tuple([v in active and n.layer.carries(i) for i, v in enumerate(n.inputs)])
        direct = None if settles(n) else rule.direct(n.layer)
        blind, apart = direct is not None and not reads, n.layer.keeps_rows()
        one, frees = len(n.inputs) == 1 == len(n.outputs) and not settles(n), [v for v in n.outputs if v not in self.wanted]
        return Visit(
            node=n,
            rule=rule,
            direct=direct,
            single=rule.single(n.layer, known[0]) if one else None,
            over=(rule.over if frees else rule.single)(n.layer, known[0]) if one else None,
            sends=sending(n, rule, len(n.outputs) == 1 == len(frees)),
            blind=blind,
            one_row=blind and apart and len(n.inputs) == 1,
            pointwise=rule.prepared(n.layer, carries) if apart and isinstance(n.layer, Elementwise) else None,
            settles=settles(n),
            reads=n.inputs,
            makes=makes,
            inputs_in=getter(n.inputs, slot),
            outputs_in=getter(makes, slot),
            arrives=tuple([slot[v] for v in n.outputs]),
            leaves=tuple([(i, slot[v]) for i, v in enumerate(n.inputs) if carries[i]]),
            frees=tuple([slot[v] for v in frees]),
            active=carries,
            known=(nonnegative, carries, *known),
        )

    def run(
        self,
        trace: Trace,
        seeds: Mapping[str, Tensor] | Hot,
        trace0: Trace | None = None,
        pairing: Pairing | None = None,
        observe: Observer | None = None,
        rows: int = 1,
        few: int = 0,
    ) -> dict[str, Tensor]:
        """Relevance at the wanted values that it reaches. `rows`: seeds are one row, which stands for that many on the first
        axis of their values; one that is zero but at some units is a `Hot`, where the walk can start there. `few`: how many
        targets are walked together where values are largest, if not all."""
        relevance: list[Tensor | None] = [None] * self.size
        owned = [False] * self.size
        slots: list[Any] = trace.slots
        if isinstance(seeds, Hot):
            start, x, y, to = self.hot  # type: ignore[misc]
            at = (slots[x], slots[y]) if rows == 1 else (slots[x][:1], slots[y][:1])
            relevance[to], owned[to], seeds = start(seeds, *at), rows == 1, {}
        for v, r in seeds.items():
            relevance[self.index[v]] = r
        begun = 0
        if rows != 1:
            begun = self._one_row(relevance, slots)
            if observe is None and pairing is not None and begun + 1 < len(self.visits):
                first, then = self.visits[begun : begun + 2]
                begun += 2 * fold(first, then, relevance, owned, trace, trace0, pairing)
            relevance = [r if r is None or r.shape[1] == rows else r.expand(-1, rows, *r.shape[2:]) for r in relevance]
        walk = partial(self._walk, trace=trace, trace0=trace0, pairing=pairing, observe=observe)
        if not few:
            walk(begun, len(self.calls), relevance, owned)
            return {v: found for v in self.wanted if (found := relevance[self.index[v]]) is not None}
        parts: list[Slots] = []
        in_parts(passing(self, trace, few), begun, relevance, owned, walk, parts)
        return joined(parts, {v: self.index[v] for v in self.wanted})

    def _walk(
        self,
        at_node: int,
        to_node: int,
        relevance: Slots,
        owned: list[bool],
        trace: Trace,
        trace0: Trace | None,
        pairing: Pairing | None,
        observe: Observer | None,
    ) -> None:
        """Relevance through the nodes between two places of the walk, one after the other."""
        slots: list[Any] = trace.slots
        plain = trace0 is None and observe is None
        # what looks at shapes alone needs no baseline's values beside those at x, which have the rows of all pairs
        as_plain = observe is None and pairing is not None and pairing.rows == pairing.n
        try:
            for visit, single, over, sends, x, y, at, to, frees in self.calls[at_node:to_node]:
                if single is None or not (plain or (as_plain and visit.blind)):
                    step(visit, relevance, owned, trace, trace0, pairing, observe)
                elif (given := relevance[at]) is not None:
                    p = (over if owned[at] else single)(given, slots[x], slots[y])  # type: ignore[misc]
                    if frees:
                        relevance[at] = None
                    if p is not None and relevance[to] is None:
                        relevance[to], owned[to] = p, sends[owned[at]]
                    elif p is not None:
                        add(relevance, owned, to, p, sends[owned[at]])
        except (RuntimeError, LookupError, ValueError, TypeError) as error:
            said = first_line(error)
            raise RuleError(f"node {visit.node.name!r} ({visit.node.op}) under {visit.rule!r}: {said}") from error
        except RuleError as error:
            raise RuleError(f"node {visit.node.name!r} ({visit.node.op}): {error}") from error

    def _one_row(self, relevance: list[Tensor | None], slots: list[Any]) -> int:
        """The start of a walk whose seeds are one row for all: it stays one as long as nodes treat all rows alike. How many
        nodes that were; one row may then stand for all of them in its memory."""
        done, owned = 0, [False] * self.size
        for visit in self.visits:
            given = [relevance[o] for o in visit.arrives]
            if any(r is not None for r in given):
                ins, outs = visit.inputs_in(slots), visit.outputs_in(slots)
                if visit.direct is None or not visit.one_row or ins[0].dim() < 2 or ins[0].dim() != outs[0].dim():
                    break
                pass_on(visit, relevance, owned, visit.direct(given, [x[:1] for x in ins], [y[:1] for y in outs]), False)
            done += 1
        return done

    def _hot(self, then: float | None) -> tuple[Callable[[Hot, Tensor, Tensor], Tensor], int, int, int] | None:
        """How a walk starts at single units of its only value: the rule of the node that makes it, the slots of that node's
        input and output, and the slot for its input's relevance. `then`: what it does for the next layer (`shared_factors`)."""
        for visit, single, _, _, x, y, _, to, frees in self.calls[:1]:
            alone = single is not None and frees and not visit.known[2] and visit.node.outputs == self.seeds
            layer = visit.node.layer
            start = None if not alone else visit.rule.hot(layer) if then is None else visit.rule.hot_joined(layer, then)
            return None if start is None else (start, x, y, to)
        return None

    def _step(self, visit: Visit, single: Single | None, over: Single | None) -> Step:
        """A visit as walks go through it, by these functions."""
        sends = (False, bool(visit.frees)) if single is left_out else visit.sends
        return visit, single, over, sends, *self._slots(visit)

    def _slots(self, visit: Visit) -> tuple[int, int, int, int, bool]:
        """Of a visit that is `single`: the slots of its input and output, and of their relevances, input's first; and
        whether the output's is then empty."""
        if visit.single is None:
            return 0, 0, 0, 0, False
        (x,), (y,) = visit.reads, visit.makes
        return self.index[x], self.index[y], visit.arrives[0], visit.leaves[0][1], bool(visit.frees)


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
