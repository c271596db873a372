"""Many steps made ready at once for the way back: their rows lie one after the other, as if they were more samples.

Where no row of a body's values has to do with another row, one forward pass makes the values of many steps, and what
rules take from values alone is taken for all of them; the steps one after the other then only multiply relevance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from ...errors import RuleError
from ...rules.base import Relevances, Site
from ..graph import Graph
from ..plan import Trace
from ..visit import Visit, pass_on, settles
from .plans import Plan

#: rows that are made ready at once
ROWS = 1024

#: one node at one step: (relevance at its outputs, the step's part of what was made ready) → relevance at its inputs
Call = Callable[[Relevances, Any], Relevances]


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
    """The steps from number `start` on, one list of values at the body's inputs for each."""

    def __init__(
        self, plan: Plan, start: int, values: Sequence[Sequence[Tensor]], values0: Sequence[Sequence[Tensor]] | None
    ) -> None:
        self.start, back = start, plan.backward
        self.rows = values[0][0].shape[0]
        trace = plan.passed(_joined(values))
        trace0 = None if values0 is None else plan.passed(_joined(values0))
        self.size, self.wanted = back.size, tuple((v, back.index[v]) for v in back.wanted)
        self.seeds = tuple(back.index[v] if v in plan.seeds else None for v in plan.graph.outputs)
        self.visits = [(v, *self._ready(v, trace, trace0, len(values))) for v in back.visits]

    def _ready(self, visit: Visit, trace: Trace, trace0: Trace | None, steps: int) -> tuple[Call, list[Any]]:
        site = visit.site(trace, trace0, None)
        prepared = visit.rule.prepared(site.layer, visit.active)
        if prepared is not None:
            return prepared.apply, self._columns(prepared.parts(site), steps)
        n, direct, rule = len(site.inputs), visit.direct, visit.rule
        if direct is not None and trace0 is None:
            return lambda r, v: direct(r, v[:n], v[n:]), self._columns([*site.inputs, *site.outputs], steps)
        return lambda r, at: rule(at, r), self._sites(site, steps)

    def _sites(self, site: Site, steps: int) -> list[Site]:
        xs, ys = self._columns(site.inputs, steps), self._columns(site.outputs, steps)
        if site.inputs0 is None or site.outputs0 is None:
            return [replace(site, inputs=x, outputs=y) for x, y in zip(xs, ys, strict=True)]
        xs0, ys0 = self._columns(site.inputs0, steps), self._columns(site.outputs0, steps)
        every = zip(xs, ys, xs0, ys0, strict=True)
        return [replace(site, inputs=x, outputs=y, inputs0=x0, outputs0=y0) for x, y, x0, y0 in every]

    def _columns(self, parts: Sequence[Tensor], steps: int) -> list[Any]:
        """What belongs to each step."""
        if not parts:
            return [()] * steps
        return list(zip(*(p.split(self.rows) for p in parts), strict=True))

    def walk(self, k: int, arrives: Sequence[Tensor | None]) -> dict[str, Tensor]:
        """As `Plan.walk`, at step k."""
        relevance: list[Tensor | None] = [None] * self.size
        owned = [False] * self.size
        for slot, r in zip(self.seeds, arrives, strict=True):
            if r is not None and slot is not None:
                before = relevance[slot]
                relevance[slot] = r if before is None else before + r
        k -= self.start
        try:
            for visit, call, columns in self.visits:
                arrived = visit.arrives
                given = (relevance[arrived[0]],) if len(arrived) == 1 else tuple([relevance[o] for o in arrived])
                if given[0] is None and all(r is None for r in given):
                    continue
                pass_on(visit, relevance, owned, call(given, columns[k]), False)
        except (RuntimeError, LookupError, ValueError, TypeError, RuleError) as error:
            raise RuleError(f"node {visit.node.name!r} ({visit.node.op}) under {visit.rule!r}: {error}") from error
        return {v: found for v, slot in self.wanted if (found := relevance[slot]) is not None}


def _joined(values: Sequence[Sequence[Tensor]]) -> list[Tensor]:
    return [torch.cat(column) for column in zip(*values, strict=True)]
