"""Bodies that run step after step: the forward pass, and the way back through the steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...errors import OnnxplainError, RuleError
from ...layers.control import Body
from ...rules.base import Relevances, Site
from ..graph import Graph
from .plans import Parts, Runs
from .quick import Quick
from .together import ROWS, Together, alike, keeps_rows

#: what a step reads: numbers of the loop's own, carried values, slices of what is scanned, values from outside
Values = list[Tensor]


@dataclass(frozen=True)
class Ends:
    """How many inputs and outputs of a body are what. Inputs: `head`, carried, scanned, then captures; outputs: `lead`
    (a condition), carried, stacked."""

    carried: int
    scanned: int = 0
    stacked: int = 0
    head: int = 0
    lead: int = 0


@dataclass(frozen=True)
class Laid:
    """Along which axis, and whether from its end, the slices of one scanned input or stacked output lie."""

    axis: int = 0
    backward: bool = False

    def taken(self, x: Tensor, lead: int = 0) -> list[Tensor]:
        """The slices in the order of the steps; `lead`: axes of x before its own."""
        parts = list(x.unbind(self.axis + lead if self.axis >= 0 else self.axis))
        return parts[::-1] if self.backward else parts

    def joined(self, parts: Sequence[Tensor], lead: int = 0) -> Tensor:
        return torch.stack(
            list(parts)[::-1] if self.backward else list(parts), self.axis + lead if self.axis >= 0 else self.axis
        )


@dataclass(frozen=True, eq=False)
class Pass:
    """One forward pass: the ONNX inputs, what was carried into each step, and the slices each step reads."""

    args: list[Any]
    states: list[Values]
    slices: list[tuple[Tensor, ...]]


class Stepped(Runs):
    """A body run again and again: carried values go from step to step, further outputs are stacked.

    Outputs: what is carried at the end, what was stacked, then the notes: carried values at the start of each step,
    stacked; nothing where they differ in shape, or are stacked outputs anyway. With these, no step needs another on the
    way back: each is computed again, and forgotten.

    A subclass gives `count(args)`: how many steps there are at most (None: no limit), and `own(args, k)`: the body's
    first inputs.
    """

    def __init__(
        self,
        graph: Graph,
        ends: Ends,
        scanned: Sequence[Laid],
        stacked: Sequence[Laid],
        constants: Sequence[Tensor | None],
        dynamic: Sequence[bool],
    ) -> None:
        n = ends.carried
        head, lead = ends.head, ends.lead
        reads = (None,) * head + tuple(range(head, len(graph.inputs)))
        gives = (None,) * lead + tuple(range(n + ends.stacked))
        outside = len(graph.inputs) - head - n - ends.scanned
        body = Body(graph, reads, gives, tuple((lead + j, head + j) for j in range(n)), outside)
        super().__init__((body,), n + ends.stacked, constants, dynamic)
        self.ends, self.scanned, self.stacked = ends, tuple(scanned), tuple(stacked)
        made = graph.outputs[lead + n :]
        carried = graph.outputs[lead : lead + n]
        #: for each carried value: which stacked output holds it, too
        self.also = tuple(made.index(v) if v in made else None for v in carried)
        self.noted = tuple(j for j, at in enumerate(self.also) if at is None)
        self.quick = Quick(graph)
        self.by_rows = keeps_rows(graph)

    def count(self, args: Sequence[Any]) -> int | None:
        raise NotImplementedError(type(self).__name__)

    def own(self, args: Sequence[Any], k: int) -> tuple[Tensor, ...]:
        raise NotImplementedError(type(self).__name__)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        args = self.full(inputs)
        states, made, carried = self._run(args)
        n = self.ends.stacked
        columns = list(zip(*made, strict=True)) if made else [()] * n
        stacked = [laid.joined(c) for laid, c in zip(self.stacked, columns, strict=True)] if made else self._nothing(args)
        return (*carried, *stacked, *(self._note([s[j] for s in states], inputs) for j in self.noted))

    def walk(self, parts: Parts, at: Site, relevance: Relevances) -> Relevances:
        here = self._passed(at.inputs, at.outputs)
        there = None if at.inputs0 is None or at.outputs0 is None else self._passed(at.inputs0, at.outputs0)
        steps = len(here.states)
        if there is not None and len(there.states) != steps:
            raise RuleError(
                f"it makes {steps} steps for the samples and {len(there.states)} for the baseline: the difference that a step "
                "more makes cannot be shared out; choose a baseline with as many steps, or IntegratedGradients or LRP"
            )
        e, (stages,) = self.ends, parts.bodies
        names = self.bodies[0].graph.inputs[e.head :]
        carried: list[Tensor | None] = list(relevance[: e.carried])
        given = relevance[e.carried : e.carried + e.stacked]
        stacked = [None if r is None else laid.taken(r, 1) for laid, r in zip(self.stacked, given, strict=True)]
        scanned: list[list[Tensor | None]] = [[None] * steps for _ in range(e.scanned)]
        outside: list[Tensor | None] = [None] * (len(names) - e.carried - e.scanned)
        ready: Together | None = None
        for k in reversed(range(steps)):
            arrives = [*[None] * e.lead, *carried, *(None if s is None else s[k] for s in stacked)]
            if ready is None or k < ready.start:
                ready = self._ready(parts, k, here, there)
            if ready is not None:
                found = ready.walk(k, arrives)
            else:
                values0 = None if there is None else self._values(there, k)
                found = stages.at(k).walk(arrives, self._values(here, k), values0, parts.observe)
            pulled = [found.get(v) for v in names]
            carried = pulled[: e.carried]
            for column, r in zip(scanned, pulled[e.carried :], strict=False):
                column[k] = r
            for i, r in enumerate(pulled[e.carried + e.scanned :]):
                if r is not None:
                    before = outside[i]
                    outside[i] = r if before is None else before + r
        back = [laid_back(laid, column) for laid, column in zip(self.scanned, scanned, strict=True)]
        by_input = [*[None] * e.head, *carried, *back, *outside]
        return tuple(by_input[i] for i in self.slots)

    def _ready(self, parts: Parts, k: int, here: Pass, there: Pass | None) -> Together | None:
        """Step k and those before it that have the same plan, where they can be made ready at once."""
        (stages,) = parts.bodies
        last = len(stages.plans) - 1
        if not self.by_rows or parts.observe is not None or stages.again != last or k < last:
            return None
        now = self._values(here, k)
        if not alike([now]):
            return None
        start = max(last, k + 1 - max(1, ROWS // max(1, now[0].shape[0])))
        values = [self._values(here, i) for i in range(start, k + 1)]
        values0 = None if there is None else [self._values(there, i) for i in range(start, k + 1)]
        if not alike(values) or (values0 is not None and not alike([*values0, values[0]])):
            return None
        return Together(stages.plans[last], start, values, values0)

    def first(self, inputs: Sequence[Tensor]) -> tuple[int, Values] | None:
        args, e = self.full(inputs), self.ends
        if self.count(args) == 0:
            return None
        now = self._slices(args)
        return 0, self._values(Pass(args, [args[e.head : e.head + e.carried]], now), 0)

    def _run(self, args: list[Any]) -> tuple[list[Values], list[Values], Values]:
        """(what was carried into each step, what each step made to be stacked, what is carried at the end)."""
        e = self.ends
        most, slices = self.count(args), self._slices(args)
        outside = args[e.head + e.carried + e.scanned :]
        carried: Values = args[e.head : e.head + e.carried]
        states: list[Values] = []
        made: list[Values] = []
        k, goes_on = 0, most != 0
        while goes_on:
            states.append(carried)
            now = slices[k] if slices else ()
            outs = list(self.quick((*self.own(args, k), *carried, *now, *outside)))
            carried = outs[e.lead : e.lead + e.carried]
            made.append(outs[e.lead + e.carried :])
            k += 1
            goes_on = k != most and (not e.lead or bool(outs[0].reshape(-1)[0]))
        return states, made, carried

    def _slices(self, args: Sequence[Any]) -> list[tuple[Tensor, ...]]:
        e = self.ends
        first = e.head + e.carried
        columns = [laid.taken(x) for laid, x in zip(self.scanned, args[first : first + e.scanned], strict=True)]
        if len({len(c) for c in columns}) > 1:
            raise ValueError(f"what is scanned has {[len(c) for c in columns]} steps")
        return list(zip(*columns, strict=True))

    def _values(self, at: Pass, k: int) -> Values:
        e = self.ends
        now = at.slices[k] if at.slices else ()
        return [*self.own(at.args, k), *at.states[k], *now, *at.args[e.head + e.carried + e.scanned :]]

    def _note(self, states: list[Tensor], inputs: Sequence[Tensor]) -> Tensor:
        if states and all(isinstance(s, Tensor) and s.shape == states[0].shape for s in states):
            return torch.stack(states)
        return torch.empty(0)

    def _passed(self, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pass:
        """A forward pass as far as its outputs and notes tell, the steps once more where they do not."""
        args = self.full(inputs)
        states = self._noted(args, outputs)
        return Pass(args, self._run(args)[0] if states is None else states, self._slices(args))

    def _noted(self, args: list[Any], outputs: Sequence[Tensor]) -> list[Values] | None:
        e = self.ends
        if not self.also:
            return [[] for _ in self.stacked[0].taken(outputs[0])]
        notes = iter(outputs[e.carried + e.stacked :])
        columns = []
        for j, at in enumerate(self.also):
            if at is None:
                columns.append(list(next(notes).unbind(0)))
            else:
                made = self.stacked[at].taken(outputs[e.carried + at])
                columns.append([args[e.head + j], *made[:-1]] if made else [])
        steps = {len(c) for c in columns}
        if len(steps) != 1 or steps == {0}:
            return None
        return [list(s) for s in zip(*columns, strict=True)]

    def _nothing(self, args: list[Any]) -> list[Tensor]:
        """Stacked outputs of no step: as long as a step's would be, were there one."""
        e, graph = self.ends, self.bodies[0].graph
        if not e.stacked:
            return []
        names = graph.outputs[e.lead + e.carried :]
        first = e.head + e.carried
        slices = [_slice_of_zeros(x, laid.axis) for laid, x in zip(self.scanned, args[first:], strict=False)]
        values = (*self.own(args, 0), *args[e.head : first], *slices, *args[first + e.scanned :])
        try:
            like = list(self.quick(values))[e.lead + e.carried :]
        except OnnxplainError:
            floats = next((a for a in args if isinstance(a, Tensor) and a.is_floating_point()), torch.zeros(()))
            like = [
                floats.new_zeros([s or 0 for s in graph.shapes.get(v, ())], dtype=None if v in graph.floating else torch.int64)
                for v in names
            ]
        return [laid.joined([y]).narrow(laid.axis, 0, 0) for laid, y in zip(self.stacked, like, strict=True)]


def laid_back(laid: Laid, parts: Sequence[Tensor | None]) -> Tensor | None:
    """Relevance at the slices, (T, *slice) each → at the whole; a slice without any gets zeros."""
    like = next((p for p in parts if p is not None), None)
    if like is None:
        return None
    return laid.joined([torch.zeros_like(like) if p is None else p for p in parts], 1)


def _slice_of_zeros(x: Tensor, axis: int) -> Tensor:
    shape = list(x.shape)
    del shape[axis]
    return x.new_zeros(shape)
