"""The driver: chunks of samples and targets through a method's walks, summed up into attributions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..graph.graph import Node
from ..graph.parting import passing
from ..graph.plan import Backward, Forward, Trace
from ..graph.work import work_per_node
from ..layers.kept import kept
from ..rules.base import Relevances, Site
from ..targets import Selection, expected, most_targets
from .base import Chunk, Method, Step
from .chunks import (
    ACCELERATOR_BYTES,
    AT_ONCE,
    MOST_BYTES,
    Need,
    Sizes,
    as_foreseen,
    bytes_from,
    even,
    given_rows,
    measure,
    metered,
    sizes,
    usual_sizes,
)
from .context import Context, index_of
from .goals import Goals
from .late import Late
from .meter import GivingBack, Meter, give_back
from .pairs import paired
from .problem import Problem
from .results import Results
from .sample_axes import Layouts, layouts
from .seeds import Asked
from .sums import Differences, Sums
from .threads import WORTH, Alone, choosable, passes

#: what the samples of a first forward pass take up at the inputs, at most
PILOT_BYTES = 256 * 2**10
#: how many chunks' samples the first forward pass may have and still be walked as one
FIRST_CHUNKS = 8
#: and how many there are at least where nodes run step by step, and what they take up: a step takes as long for many as for one
STEPPED_ROWS, STEPPED_BYTES = 16, 4 * 2**20
#: sees every node of every walk: (node, site, relevance at its outputs, at its inputs, weights of the repetitions)
AuditSink = Callable[[Node, Site, Relevances, Relevances, Tensor | None], None]


@dataclass(eq=False)
class Runner:
    """One `explain` call. `prepared`: what the method made of the whole data. `labels`: unit labels by output."""

    problem: Problem
    method: Method
    context: Context
    prepared: Any
    labels: Mapping[str, Any]
    chunk_size: Any = "auto"
    max_memory: Any = None
    progress: Callable[[int], None] | None = None
    audit: AuditSink | None = None

    @property
    def fixed(self) -> int | None:
        """The rows of a walk, where the model decides that."""
        return self.problem.fixed

    @cached_property
    def goals(self) -> Goals:
        return Goals(self.problem, self.method, self.prepared, self.labels, self.context.n, self.fixed)

    @cached_property
    def layouts(self) -> Layouts:
        """Where the internal values that are asked for hold the samples."""
        return layouts(self.problem.layers, self.forward, self.context.n, self.fixed)

    def run(self) -> Results:
        kept.next()
        limit = bytes_from(self.max_memory)
        if self.context.device.type != "cpu" or type(self.problem.clean) is not Forward:
            return self._run()
        if limit is not None:
            with GivingBack(int(AT_ONCE * limit)):
                return self._run()
        others = 1 - 1 / torch.get_num_threads()
        if not others or not choosable():
            return self._run()
        made: list[Trace] = []
        work = self.problem.work.get(self.context.sample_shapes, lambda: self._work(made))
        if others * work * self.context.n * passes(self.problem, self.method, self.prepared) > WORTH:
            return self._run(made)
        with Alone():  # the first pass too, whether it was made to count or not: numbers do not depend on what was asked before
            return self._run()

    def _work(self, made: list[Trace]) -> float:
        """Multiply-adds of one sample, per node, by a forward pass that is put into `made`."""
        made.append(self.forward(first := self._first()))
        return work_per_node(self.problem.clean.nodes, made[0]) / len(first)

    def _first(self) -> np.ndarray:
        """The samples of the first forward pass."""
        size, n = self.fixed or self._pilot_size(), self.context.n
        return np.arange(size) % n if size > n else np.arange(size)

    def _run(self, made: list[Trace] | None = None) -> Results:
        """The chunks one after the other, in whatever mode `run` has entered. `made`: the first forward pass, if there is one."""
        results, n = Results(self.context.n), self.context.n
        rows = first = self._first()
        trace = made.pop() if made else self.forward(first)
        chosen = self.goals.selected(trace, rows)
        if self.max_memory is None:
            (chunks, known), pilot = self._chunks(trace, len(rows), most_targets(chosen)), trace
            del trace
        else:  # one forward pass at a time
            need, pilot = self._need(trace, len(rows)), None
            del trace
            give_back()
            chunks, known = self._sizes(need, most_targets(chosen)), False
        keep = self.max_memory is None and self.method.layer_factor == "difference"
        references = self.goals.shared_references(chosen, self.integers(rows[:1]), chunks.fit, keep)
        # a first pass of a few chunks is walked as it is: to make it once more would cost more than caches miss
        start, end = 0, len(rows) if len(rows) <= (1 if known else FIRST_CHUNKS) * chunks.samples else chunks.samples
        while start < n:
            real = min(end, n) - start
            rows = first if start == 0 and real == len(first) else np.arange(start, start + real)
            if self.fixed and real < self.fixed:  # filled up with the last sample, whose copies are dropped
                rows = np.concatenate([rows, np.full(self.fixed - real, rows[-1])])
            if pilot is not None and (rows is first or (len(rows) == len(first) and (rows == first).all())):
                trace, selected = pilot, chosen
            else:
                trace = self.forward(rows)
                selected = self.goals.selected(trace, rows)
            pilot = None
            self._chunk(results, rows, real, trace, selected, chunks, references)
            del trace
            start, end = end, end + chunks.samples
        return results

    def _pilot_size(self) -> int:
        """The samples of the first forward pass, which tells the sizes of the others: one where memory is bounded, those asked
        for, else a chunk of them, where shapes say what that is, or more where they are small: it is not made for them alone."""
        if self.max_memory is not None or self.context.n == 1:
            return 1
        if self.foreseen is not None:
            return self.foreseen[2].samples
        if self.chunk_size != "auto":
            return min(self.context.n, given_rows(self.chunk_size))
        each = sum(x[:1].nbytes for n, x in self.context.feeds.items() if self.problem.inputs[n].batch_axis is not None)
        least, room = (STEPPED_ROWS, STEPPED_BYTES) if self.stepped else (1, PILOT_BYTES)
        return even(self.context.n, max(least, room // max(each, 1)))

    @cached_property
    def stepped(self) -> bool:
        """Whether nodes run step by step."""
        return self.problem.graph.stepped

    @cached_property
    def roomy(self) -> int | None:
        """The bytes a walk may take, where caches do not matter: on an accelerator, and where nodes run step by step, as what a
        step reads is small anyway and each chunk goes through all steps."""
        return ACCELERATOR_BYTES if self.context.device.type != "cpu" else MOST_BYTES if self.stepped else None

    @cached_property
    def parts(self) -> bool:
        """Whether walks of many targets go on in parts: not where memory or chunks are asked for, nodes are observed, or walks
        are compiled, repeated or come with others."""
        method, free = self.method, self.max_memory is None and self.chunk_size == "auto" and self.audit is None
        once = not method.walks_often() and method.layer_factor != "difference" and len(method.variants()) < 2
        return free and once and type(self.problem.clean) is Forward

    def forward(self, rows: np.ndarray) -> Trace:
        """The forward pass at these samples."""
        return self.problem.clean.run(self.problem.feed(self.take(rows)))

    def take(self, rows: np.ndarray) -> Mapping[str, Tensor]:
        which, n = index_of(rows), self.context.n
        return self.context.feeds if which == slice(0, n) else self.context.take(self.context.feeds, which)

    def integers(self, rows: np.ndarray) -> dict[str, Tensor]:
        """The feeds that are not floating, at these samples."""
        beside = self.problem.beside
        return self.context.take({n: self.context.feeds[n] for n in beside}, index_of(rows)) if beside else {}

    @cached_property
    def traces(self) -> int:
        """How many forward passes of a sample a walk reads: two, where each has a baseline of its own beside it."""
        if self.method.layer_factor != "difference":
            return 1
        beside = self.method.references(self.prepared, np.arange(2) % self.context.n)
        return 1 if beside is not None and next(iter(beside.values())).shape[0] == 1 else 2

    @cached_property
    def foreseen(self) -> tuple[Need, int, Sizes] | None:
        """What a sample takes, where shapes say it before any forward pass; how many targets there are, as far as they say it
        themselves; and the chunks for so many."""
        need = self.problem.need
        if need is None or self.max_memory is not None or self.fixed is not None or self.stepped:
            return None
        need = need.for_traces(self.traces, self.context.dtype.itemsize)
        targets = max([expected(a.target) for a in self.problem.asked]) * max(1, len(self.method.variants()))
        return need, targets, self._sizes(need, targets)

    def _chunks(self, pilot: Trace, rows: int, n_targets: int) -> tuple[Sizes, bool]:
        """How many samples and targets a walk takes, where memory is not bounded, and whether that was known before this forward pass."""
        once = self.context.n == 1 == n_targets and not self.method.walks_often()
        if once and self.chunk_size == "auto":
            return Sizes(1, 1, 1, 1), False  # whatever it needs
        if self.foreseen is not None and as_foreseen(self.foreseen[0], pilot, rows):
            need, targets, found = self.foreseen
            return found if targets == n_targets else self._sizes(need, n_targets), True
        return self._sizes(self._need(pilot, rows), n_targets), False

    def _need(self, pilot: Trace, rows: int) -> Need:
        """What a sample takes, by the sizes of the values in this forward pass of some."""
        out = sum(pilot[v].numel() * pilot[v].element_size() for v in self._read(pilot)) // rows
        return dataclasses.replace(measure(pilot, list(self.problem.walks.values()), rows, self.traces), out=out)

    def _sizes(self, need: Need, n_targets: int) -> Sizes:
        limit, together, usual = bytes_from(self.max_memory), max(1, len(self.method.variants())), need
        free = limit is None and isinstance(self.chunk_size, str) and self.chunk_size == "auto"
        if free and self.fixed is None and self.roomy is None:
            return usual_sizes(need, self.context.n, n_targets, together)
        if limit is not None:
            need = dataclasses.replace(metered(self._peak, self.fixed, together, limit, n_targets), out=need.out)
        return sizes(need, self.context.n, n_targets, self.chunk_size, limit, self.fixed, self.roomy, together, usual)

    def _read(self, trace: Trace) -> list[str]:
        """The values at which attributions are read."""
        lifting = self.problem.lifting
        values = [*(s.value for s in self.problem.sources), *self.problem.layers, *(lifting.ends.values() if lifting else ())]
        return [v for v in dict.fromkeys(values) if v in trace]

    def _peak(self, rows: int, targets: int) -> int:
        """The bytes that one walk of this many samples and targets takes, its forward passes included."""
        bare, samples = dataclasses.replace(self, audit=None), np.arange(rows) % self.context.n
        found = self.layouts
        with Meter() as meter:
            trace = bare.forward(samples)
            selected = {a.name: bare.goals.select(a, trace, samples) for a in self.problem.asked}
            chunk = Chunk(self.problem.sources_at(trace), samples, 1, self.context.seed, self.context)
            step = next(iter(self.method.steps(chunk, self.prepared)))
            sums = Sums(self.problem, rows, self.method.statistic, found)
            chunks = Sizes(rows, targets, rows, targets)
            bare._step(sums, step, trace, selected, samples, self.integers(samples), chunks, slice(0, targets))
        return meter.peak

    def _chunk(
        self,
        results: Results,
        rows: np.ndarray,
        real: int,
        trace: Trace,
        selected: Mapping[str, Selection],
        chunks: Sizes,
        references: Mapping[str, Tensor],
    ) -> None:
        """All walks of some samples; the first `real` rows count."""
        p, goals, n, start = self.problem, self.goals, len(rows), int(rows[0])
        max_k = 1 if self.fixed else max(1, chunks.fit // n)
        chunk = Chunk(p.sources_at(trace), rows, max_k, self.context.seed, self.context)
        integers = self.integers(rows)
        for a in p.asked:
            s = selected[a.name]
            prediction = goals.prediction(a, s, trace, n)
            goal = goals.goal(a, s, trace, rows, integers, references, prediction)
            results.note(results.predictions, a.name, start, prediction[:real])
            results.note(results.goals, a.name, start, goal[:real])
            results.note(results.units, a.name, start, s.units(n)[:real])
            results.labels[a.name] = s.labels
        most = most_targets(selected)
        for begin in range(0, most, chunks.group):
            group = slice(begin, min(begin + chunks.group, most))
            sums = Sums(p, n, self.method.statistic, self.layouts if p.layers else {})
            late = self._late(sums)
            for step in self.method.steps(chunk, self.prepared):
                self._step(sums, step, trace, selected, rows, integers, chunks, group, late)
                if self.progress is not None and group.stop == most:
                    self.progress(real * step.k)
            if late is not None:
                late.finish()
            for a in p.asked:
                end = selected[a.name].n_targets
                for targets in self._walked(p.walks[a.name], group, end, chunks, trace):
                    self._finish(results, sums, a, targets, end, start, real, trace)

    def _late(self, sums: Sums) -> Late | None:
        """Where walks stop short of the first layers; not where memory is bounded or nodes are observed, one by one."""
        p = self.problem
        return None if p.lifting is None or self.audit is not None or self.max_memory is not None else Late(p, p.lifting, sums)

    def _walked(self, walk: Backward, group: slice, end: int, chunks: Sizes, trace: Trace) -> Sequence[slice]:
        """The targets of a group that are walked together, of `end` altogether."""
        end = min(group.stop, end)
        if 0 < end - group.start <= chunks.targets:
            return (slice(group.start, end),)
        variants = max(1, len(self.method.variants()))
        size = max(variants, chunks.targets // variants * variants)
        if self.parts and end - group.start > size:
            size = max(size, passing(walk, trace, size)[0])
        return [slice(t, min(t + size, end)) for t in range(group.start, end, size)]

    def _finish(
        self, results: Results, sums: Sums, asked: Asked, targets: slice, n_targets: int, start: int, real: int, trace: Trace
    ) -> None:
        """The sums of targets that were walked together into the results."""
        by_input = sums.by_input(asked.name, targets.start, trace)
        total = sums.total(asked.name, by_input, targets.stop - targets.start)
        for i, r in by_input.items():
            results.put(results.attributions, (i, asked.name), start, r, real, targets.start, n_targets)
        for v, r in sums.by_layer(asked.name, targets.start, trace).items():
            results.put(results.layers, (v, asked.name), start, r, real, targets.start, n_targets)
        results.note(results.sums, asked.name, start, total[:, :real].T, targets.start, n_targets)

    def _step(
        self,
        sums: Sums,
        step: Step,
        clean: Trace,
        selected: Mapping[str, Selection],
        rows: np.ndarray,
        integers: Mapping[str, Tensor],
        chunks: Sizes,
        group: slice,
        late: Late | None = None,
    ) -> None:
        """One step's walks, for a group of targets."""
        p, n = self.problem, len(rows)
        at, trace = self._forward(step, clean, n, integers, late)
        trace0, pairing = None, None
        if step.x0 is not None:
            trace, trace0, pairing = paired(p, self.goals, step, trace, at, n, integers)
        observe = None
        if (sink := self.audit) is not None:
            observe = lambda node, given, pulled, site: sink(node, site, given, pulled, step.weights)
        differences = Differences(self.method.layer_factor, trace, trace0, pairing) if p.layers else None
        total = at if pairing is None else pairing.rows
        walks = p.walks if late is None else late.lifting.walks
        for a in p.asked:
            s = selected[a.name]
            one_row = observe is None and total > 1 and self.goals.alike(a, s)
            walk = walks[a.name]
            hot = observe is None and walk.hot is not None and (not one_row or walk.visits[0].one_row)
            if pairing is not None:  # whose first node must have nothing to do with the baseline, and see the rows of all pairs
                hot = hot and walk.visits[0].blind and (one_row or pairing.rows == pairing.n)
            for targets in self._walked(p.walks[a.name], group, s.n_targets, chunks, clean):
                few = chunks.targets if targets.stop - targets.start > chunks.targets and self.parts else 0
                seeds = self.goals.seeds(a, s, trace, trace0, pairing, rows, step.k, targets, one_row, hot)
                relevance = walk.run(trace, seeds, trace0, pairing, observe, total if one_row else 1, few)
                if late is None:
                    sums.add(a.name, step, targets.start, relevance, differences)
                else:
                    late.add(a.name, step, targets.start, relevance)
                if self.max_memory is not None:
                    del seeds, relevance
                    give_back()

    def _forward(
        self, step: Step, clean: Trace, n: int, integers: Mapping[str, Tensor], late: Late | None
    ) -> tuple[int, Trace]:
        """(rows, the values at a step's points)"""
        p, x = self.problem, step.x
        if step.line is not None:
            if late is not None:
                return step.k * n, late.along(step.line, p.repeat(integers, step.k))
            x = step.line.points(step.line.start, step.line.end)
        if x is None:
            if late is not None:
                late.like = clean
            return n, clean
        at = next(iter(x.values())).shape[0]
        trace = p.path.run(p.source_feed(x, p.repeat(integers, at // n)))
        if late is not None:
            late.like = trace
        return at, trace
