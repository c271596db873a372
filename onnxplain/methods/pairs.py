"""Samples and baselines side by side: what a walk that compares two forward passes reads."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from ..graph.pairing import Pairing, repeat_rows
from ..graph.plan import Trace
from .base import Step
from .goals import Goals
from .problem import Problem
from .sample_axes import Layout


def paired(
    p: Problem, goals: Goals, step: Step, trace: Trace, at: int, n: int, integers: Mapping[str, Tensor]
) -> tuple[Trace, Trace, Pairing]:
    """The baseline's forward pass and how its rows meet the samples'. Where the model keeps samples apart on axis 0 of every value,
    rows are paired value by value, on the way back; elsewhere before both passes. `trace`: that of `n` samples, in `at` rows."""
    assert step.x0 is not None
    x0 = dict(step.x0)
    rows0 = next(iter(x0.values())).shape[0]
    apart = all(p.layout(s) == Layout() for s in p.sources) and not p.needs_integers and p.fixed is None
    if apart and (rows0 != at or at == 1 or not step.pairs):
        trace0 = goals.at_baseline(x0, integers, step.which)
        pairing = Pairing(at, rows0, p.per_row)
        alike = all(trace[v].shape == trace0[v].shape for w in p.walks.values() for v in w.counted if v in trace and v in trace0)
        if alike and all(pairing.fits(w.nodes_values, trace, trace0) for w in p.walks.values()):
            return trace, trace0, pairing
    if step.pairs:
        x = repeat_rows(step.x or p.sources_at(trace), rows0)
        x0 = {v: b.repeat_interleave(at, 0) for v, b in x0.items()}
        total = at * rows0
        trace = p.path.run(p.source_feed(x, p.repeat(integers, total // n)))
    else:
        x0 = {v: b.repeat(at // b.shape[0], *[1] * (b.dim() - 1)) for v, b in x0.items()}
        total = at
    trace0 = p.path.run(p.source_feed(x0, p.repeat(integers, total // n)))
    return trace, trace0, Pairing(total, total, p.per_row)
