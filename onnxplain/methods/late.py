"""Relevance behind the first, affine layers of a model, summed up over walks and then brought to the sources once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor

from ..graph.lifting import Lifting
from ..graph.plan import Trace
from .base import Line, Step
from .problem import Problem
from .sums import Sums, weighted

#: the values at both ends of the line of the steps before, with what they were computed from
Passed = dict[int, tuple[Mapping[str, Tensor], Trace]]


@dataclass(eq=False)
class Late:
    """For one chunk of samples and group of targets. `held`: sums by what is asked and first target, all of which are to be
    multiplied by `factor` at the sources; `like`: a forward pass of the first layers, for their shapes."""

    problem: Problem
    lifting: Lifting
    sums: Sums
    passed: Passed = field(default_factory=dict)
    held: dict[tuple[str, int], dict[str, Tensor]] = field(default_factory=dict)
    factor: Mapping[str, Tensor] | None = None
    like: Trace | None = None

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
            back = self.lifting.back(self.like, relevance, step.k * n)
            self.sums.add(asked, step, start, back)
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
            assert self.like is not None
            self.sums.add(asked, Step(factor=self.factor), start, self.lifting.back(self.like, relevance, self.sums.n))
        self.held.clear()
