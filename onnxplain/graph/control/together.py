"""Many steps made ready at once for the way back: their rows lie one after the other, as if they were more samples.

Where no row of a body's values has to do with another row, one forward pass makes the values of many steps, and what
rules take from values alone is taken for all of them; the steps one after the other then only multiply relevance, and pass it
through products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...errors import RuleError
from ...layers.kinds import Affine, Routing
from ...rules.base import Prepared, Site
from ..graph import Graph
from ..visit import Visit, settles
from .calls import Apply, Calls
from .plans import Plan
from .shares import Piece, Shares, scaled

#: rows that are made ready at once
ROWS = 1024

def keeps_rows(graph: Graph) -> bool:
    """Whether every value's row (axis 0) is made of the same rows alone, if all inputs have as many axes, at least two."""
    return all(n.layer.keeps_rows() and not settles(n) for n in graph.nodes)


def alike(values: Sequence[Sequence[Tensor]]) -> bool:
    """Whether all values of all steps have as many axes, at least two, and as many rows."""
    if not values[0]:
        return False
    rank, rows = values[0][0].dim(), values[0][0].shape[:1]
    return rank > 1 and all(x.dim() == rank and x.shape[:1] == rows for step in values for x in step)


class Together:
    """The steps from number `start` on, one list of values at the body's inputs for each.

    Relevances are numbered: those at the body's outputs, then what calls make of others. On its way between calls relevance is known
    as `Shares` of them.
    """

    def __init__(
        self, plan: Plan, start: int, values: Sequence[Sequence[Tensor]], values0: Sequence[Sequence[Tensor]] | None
    ) -> None:
        self.start, self.steps, self.rows, back = start, len(values), values[0][0].shape[0], plan.backward
        trace = plan.passed(_joined(values))
        trace0 = None if values0 is None else plan.passed(_joined(values0))
        calls, found, index = Calls(self.steps), dict[int, Shares](), back.index
        at_outputs = {index[v]: calls.new() for v in dict.fromkeys(plan.graph.outputs) if v in plan.seeds}
        for v in plan.seeds:
            found[index[v]] = (Piece(trace[v].shape[-1], at_outputs[index[v]]),)
        self.seeds = tuple(at_outputs[index[v]] if v in plan.seeds else None for v in plan.graph.outputs)
        for visit in back.visits:
            given = [found.get(o) for o in visit.arrives]
            for o in visit.frees:
                found.pop(o, None)
            if any(shares is not None for shares in given):
                site, slots = visit.site(trace, trace0, None), dict(visit.leaves)
                for i, shares in self._passed(calls, visit, site, given):
                    found[slots[i]] = calls.sum(visit, found.get(slots[i]), shares, site.inputs[i])
        last = back.visits[-1] if back.visits else None
        ends = [(v, found[index[v]]) for v in back.wanted if index[v] in found]
        self.wanted = tuple((v, calls.number(last, shares, trace[v])) for v, shares in ends)
        self.calls, self.size = calls.calls, calls.size

    def _passed(self, calls: Calls, visit: Visit, site: Site, given: Sequence[Shares | None]) -> list[tuple[int, Shares]]:
        """Relevance at a node's outputs → at its inputs, by their numbers."""
        layer, y, shares = site.layer, site.outputs[0], given[0]
        prepared = visit.rule.prepared(layer, visit.active)
        if prepared is not None and shares is not None and len(given) == 1:
            alike = all(site.inputs[i].shape == y.shape for i, _ in visit.leaves)
            if prepared.factors is not None and alike:
                factors = prepared.factors(prepared.parts(site))
                return [(i, scaled(shares, f, y)) for i, _ in visit.leaves if (f := factors[i]) is not None]
            if prepared.around is not None and isinstance(layer, Affine):
                before, after = prepared.around(prepared.parts(site))
                shares = shares if before is None else scaled(shares, before, y)
                pulled = calls.transpose(visit, layer, calls.number(visit, shares, y), site.inputs[0][: self.rows])
                return [(0, pulled if after is None else scaled(pulled, after, site.inputs[0]))]
        if prepared is not None and prepared.own and isinstance(layer, Routing) and layer.cut in (-1, y.dim() - 1):
            return [(0, tuple([p for v, s in zip(site.outputs, given, strict=True) for p in s or (Piece(v.shape[-1]),)]))]
        numbers = [s if s is None else calls.number(visit, s, v) for s, v in zip(given, site.outputs, strict=True)]
        return calls.rule(visit, *self._rule(visit, site, prepared), numbers, site.inputs)

    def _rule(self, visit: Visit, site: Site, prepared: Prepared | None) -> tuple[Apply, list[Any]]:
        """The rule as a function of relevances and a step's part of what was made ready; those parts."""
        if prepared is not None:
            return prepared.apply, self._columns(prepared.parts(site))
        rule = visit.rule
        return lambda r, at: rule(at, r), self._sites(site)

    def _sites(self, site: Site) -> list[Site]:
        xs, ys = self._columns(site.inputs), self._columns(site.outputs)
        if site.inputs0 is None or site.outputs0 is None:
            return [replace(site, inputs=x, outputs=y) for x, y in zip(xs, ys, strict=True)]
        xs0, ys0 = self._columns(site.inputs0), self._columns(site.outputs0)
        every = zip(xs, ys, xs0, ys0, strict=True)
        return [replace(site, inputs=x, outputs=y, inputs0=x0, outputs0=y0) for x, y, x0, y0 in every]

    def _columns(self, parts: Sequence[Tensor]) -> list[Any]:
        """What belongs to each step."""
        if not parts:
            return [()] * self.steps
        return list(zip(*(p.split(self.rows) for p in parts), strict=True))

    def walk(self, k: int, arrives: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """As `Plan.walk`, at step k."""
        relevance: list[Tensor | None] = [None] * self.size
        for number, r in zip(self.seeds, arrives, strict=True):
            if r is not None and number is not None:
                before = relevance[number]
                relevance[number] = r if before is None else before + r
        k -= self.start
        try:
            for visit, call in self.calls:  # noqa: B007 — an error names the node
                call(relevance, k)
        except (RuntimeError, LookupError, ValueError, TypeError, RuleError) as error:
            raise RuleError(f"node {visit.node.name!r} ({visit.node.op}) under {visit.rule!r}: {error}") from error
        return {v: found for v, number in self.wanted if (found := relevance[number]) is not None}


def _joined(values: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [_one_after_the_other(column) for column in zip(*values, strict=True)]


def _one_after_the_other(steps: Sequence[Tensor]) -> Tensor:
    """Their rows, without a copy where they lie so already, as slices of what is scanned or was stacked do."""
    first, size = steps[0], steps[0].nbytes
    if type(first) is not Tensor:  # what stands for one while plans are traced lies nowhere
        return torch.cat(list(steps))
    start, storage = first.data_ptr(), first.untyped_storage()
    alike = all(x.data_ptr() == start + k * size and x.shape == first.shape and x.is_contiguous() for k, x in enumerate(steps))
    if not alike or start + len(steps) * size > storage.data_ptr() + storage.nbytes():
        return torch.cat(list(steps))
    return first.as_strided((len(steps) * first.numel(),), (1,)).view(len(steps) * first.shape[0], *first.shape[1:])
