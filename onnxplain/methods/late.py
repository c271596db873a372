"""Relevance behind the first, affine layers of a model: summed up over walks and then brought to the sources once; or, where every
repetition has a factor of its own, brought there few repetitions at a time, so that no more of it is at hand than caches hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod

from torch import Tensor

from ..graph.lifting import Lifting
from ..graph.plan import Trace
from .base import Line, Step
from .problem import Problem
from .sums import Sums, weighted

#: numbers at the sources for repetitions that are brought there together: a megabyte, half of a core's second cache
FEW = 2**18
#: the values at both ends of the line of the steps before, with what they were computed from
Passed = dict[int, tuple[Mapping[str, Tensor], Trace]]


@dataclass(eq=False)
class Late:
    """For one chunk of samples and group of targets. `held`: sums by what is asked and first target, all of which are to be
    multiplied by `factor` at the sources; `like`: a forward pass of the first layers, for their shapes; `passing`: it, with other
    numbers of rows; `parts`: the last step whose repetitions were parted."""

    problem: Problem
    lifting: Lifting
    sums: Sums
    passed: Passed = field(default_factory=dict)
    held: dict[tuple[str, int], dict[str, Tensor]] = field(default_factory=dict)
    factor: Mapping[str, Tensor] | None = None
    like: Trace | None = None
    passing: dict[int, tuple[Trace, Trace]] = field(default_factory=dict)
    parts: tuple[Step, int, list[Step]] | None = None

    def along(self, line: Line, integers: Mapping[str, Tensor]) -> Trace:
        """The forward pass at the points of a line, the first layers' part of which is made of their ends' alone."""
        ends = self.lifting.ends.values()
        start, self.like = self._up(line.start), self._up(line.end)
        at = self.like
        points = line.points({v: start[v] for v in ends}, {v: at[v] for v in ends})
        return self.lifting.path.run({**self.problem.feed(integers), **points})

    def _up(self, x: Mapping[str, Tensor]) -> Trace:
        """The first layers' values; each end of a line is passed once."""
        if id(x) not in self.passed:
            made = self.lifting.up.run(x)
            while len(self.passed) > 1:
                del self.passed[next(iter(self.passed))]
            self.passed[id(x)] = x, made  # who holds the values holds their id
        return self.passed[id(x)][1]

    def add(self, asked: str, step: Step, start: int, relevance: Mapping[str, Tensor]) -> None:
        """One walk's relevance at the ends, summed up there where the sources' factors are the same for all repetitions."""
        assert self.like is not None
        n = self.sums.n
        if step.factor is not None and any(f.shape[0] != n for f in step.factor.values()):
            tables = all(f.dim() == 2 for f in step.factor.values())  # a convolution's kernels want more at a time
            if self.sums.statistic != "mean" or not tables:
                self.sums.add(asked, step, start, self._back(relevance, step.k * n))
                return
            size = self._together(step, next(iter(relevance.values())).shape[0])
            values = list(relevance)
            for few, parts in zip(self._few(step, size), zip(*[r.split(size * n, 1) for r in relevance.values()], strict=True), strict=True):
                back = self._back(dict(zip(values, parts, strict=True)), few.k * n)
                self.sums.add(asked, few, start, back)
            return
        if step.factor is not self.factor:
            self.finish()
            self.factor = step.factor
        held = self.held.setdefault((asked, start), {})
        for v, r in relevance.items():
            if v not in held:
                held[v] = weighted(r, step, n) if step.weights is not None else weighted(r, step, n).clone()
            elif step.k == 1 and step.weights is not None:
                held[v].addcmul_(r, step.weights)  # sums are nobody else's
            else:
                held[v].add_(weighted(r, step, n))

    def finish(self) -> None:
        """What is held into the sums at the sources."""
        for (asked, start), relevance in self.held.items():
            self.sums.add(asked, Step(factor=self.factor), start, self._back(relevance, self.sums.n))
        self.held.clear()

    def _together(self, step: Step, targets: int) -> int:
        """How many repetitions are brought to the sources together."""
        assert step.factor is not None
        numbers = targets * self.sums.n * max(prod(f.shape[1:]) for f in step.factor.values())
        return min(step.k, max(1, FEW // max(numbers, 1)))

    def _few(self, step: Step, size: int) -> list[Step]:
        """The sums of a step for so many of its repetitions each."""
        if self.parts is None or self.parts[:2] != (step, size):
            self.parts = step, size, step.parts(size, self.sums.n)
        return self.parts[2]

    def _back(self, relevance: Mapping[str, Tensor], rows: int) -> dict[str, Tensor]:
        """Relevance at the ends, of so many rows, brought to the sources."""
        like = self.like
        assert like is not None
        if rows not in self.passing or self.passing[rows][0] is not like:
            self.passing[rows] = like, self.lifting.of_rows(like, rows)
        return self.lifting.down.run(self.passing[rows][1], relevance)
