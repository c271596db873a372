"""What a target is worth: predictions, the goals that attributions should sum to, and the seeds that start there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError, RuleError
from ..graph.pairing import Pairing
from ..graph.plan import Trace
from ..layers.shapes import constant
from ..rules.base import Hot
from ..targets import PerSample, Selected, Selection, resolve
from .base import Method
from .problem import Problem
from .results import as_array
from .seeds import (
    Asked,
    At,
    line_gradient,
    one_hot,
    picked,
    picked_numbers,
    scalar_gradient,
    scalar_value,
    seeding_factor,
    starts_with_output,
    values_at,
)


@dataclass(eq=False)
class Goals:
    """`labels`: unit labels by output. `n`: samples in the whole data. `fixed`: rows the model insists on, if it does.
    `passed`: the last forward pass at a baseline, if of one row; `beside`: that at all references, and its values that have a row
    of each."""

    problem: Problem
    method: Method
    prepared: Any
    labels: Mapping[str, Any]
    n: int
    fixed: int | None
    passed: dict[tuple[int, ...], tuple[tuple[Tensor, ...], Trace]] = field(default_factory=dict)
    beside: list[tuple[Trace, list[str]]] = field(default_factory=list)

    def selected(self, trace: Trace, rows: np.ndarray) -> dict[str, Selection]:
        """All targets resolved on these samples, by what is asked."""
        return {a.name: self.select(a, trace, rows) for a in self.problem.asked}

    def select(self, asked: Asked, trace: Trace, rows: np.ndarray) -> Selection:
        """The target resolved on these samples."""
        at, target = asked.at[0], asked.target
        if isinstance(target, PerSample):
            target = target.of(rows, self.n)
        y = trace[self._predicted_value(asked, trace)]
        y = y[None] if at.axis is None else y.movedim(at.axis, 0) if at.axis else y
        if y.shape[0] != len(rows):
            raise InputError(
                f"output {at.output!r} has {y.shape[0]} rows for {len(rows)} samples (axis {at.axis}): if the samples lie on "
                f"another axis, say so with ox.load(..., batch_axis={{{at.output!r}: axis}}), or None if all of it belongs to "
                "one sample, as the boxes that a detector finds"
            )
        labels, known = self.labels.get(at.output), self.problem.selected.get(asked.name)
        if known is not None and known.labels is labels and known.shape == y.shape[1:]:
            return known.selection
        exact = y if y.dtype in (torch.float32, torch.float64) else y.double()
        found = resolve(target, at.output, exact.cpu().numpy(), labels).times(self.method.variants())
        if found.fixed:
            self.problem.selected[asked.name] = Selected(y.shape[1:], labels, found)
        return found

    def _predicted_value(self, asked: Asked, trace: Trace) -> str:
        """The output itself; before an ArgMax, whose units are others, the value it was computed from."""
        at = asked.at[0]
        return at.value if self.problem.explained[at.output].skipped == "ArgMax" or at.output not in trace else at.output

    def prediction(self, asked: Asked, selection: Selection, trace: Trace, n: int) -> np.ndarray:
        """(n, targets): the outputs at the target units."""
        if selection.scalar is not None:
            return as_array(scalar_value(selection, values_at(asked, trace), n))
        y = asked.at[0].rows_first(trace[self._predicted_value(asked, trace)])
        return picked_numbers(selection, y)

    def value(self, asked: Asked, selection: Selection, trace: Trace, n: int) -> np.ndarray:
        """(n, targets): the explained values at the target units, for a trace of n rows or of one that all share."""
        if selection.scalar is not None:
            rows = trace[asked.at[0].value].shape[asked.at[0].axis or 0]
            return as_array(scalar_value(selection, values_at(asked, trace), rows).expand(n, 1))
        y = asked.at[0].rows_first(trace[asked.at[0].value])
        return picked_numbers(selection, y if y.shape[0] == n else y.expand(n, y.shape[1]))

    def goal(
        self,
        asked: Asked,
        selection: Selection,
        trace: Trace,
        samples: np.ndarray,
        integers: Mapping[str, Tensor],
        references: Mapping[str, Tensor],
        prediction: np.ndarray,
    ) -> np.ndarray:
        """(n, targets): what the attributions should sum to; NaN where the method promises nothing. `prediction`: the output's
        own values there."""
        n = len(samples)
        fits = prediction.dtype.kind == "f" and len(prediction) == n
        if self.method.goal is None and fits:
            return prediction * np.nan
        same = fits and self._predicted_value(asked, trace) == asked.at[0].value
        value = prediction if same else self.value(asked, selection, trace, n)
        if self.method.goal == "difference":
            return value - self._reference(asked, selection, samples, integers, references)
        if self.method.goal == "value" and starts_with_output(self.method.seeding()):
            # a callable's seed is its gradient times the outputs, which sums to nothing in particular
            return value * np.nan if selection.scalar is not None else value
        if self.method.goal == "value":
            factor = seeding_factor(self.method.seeding(), torch.from_numpy(value), samples, slice(None), self._made_by(asked))
            rows = as_array(factor[..., 0].T) if isinstance(factor, Tensor) else np.full_like(value, factor)
            return rows * sum(c for _, c in selection.terms)
        return value * np.nan

    def _made_by(self, asked: Asked) -> str:
        """The operator that computes the explained value."""
        maker = self.problem.graph.producer.get(asked.at[0].value)
        return maker.op if maker else ""

    def _reference(
        self,
        asked: Asked,
        selection: Selection,
        samples: np.ndarray,
        integers: Mapping[str, Tensor],
        references: Mapping[str, Tensor],
    ) -> np.ndarray | float:
        """The target's value at the baseline, or its mean over the references."""
        n = len(samples)
        if asked.name in references:
            mean = references[asked.name].mean(0, keepdim=True).expand(n, -1)
            return as_array(mean) if selection.scalar is not None else picked_numbers(selection, mean)
        refs = self.method.references(self.prepared, samples)
        if refs is None:
            return np.nan
        shared = next(iter(refs.values())).shape[0] == 1 and not self.problem.needs_integers and self.fixed is None
        if shared:
            return self.value(asked, selection, self.at_baseline(refs, integers), n)
        x0 = {v: b.expand(n, *b.shape[1:]) for v, b in refs.items()}
        return self.value(asked, selection, self.problem.path.run(self.problem.source_feed(x0, integers)), n)

    def at_baseline(self, x0: Mapping[str, Tensor], integers: Mapping[str, Tensor], which: slice | None = None) -> Trace:
        """The forward pass at a baseline; one row, which all samples share, is passed once. `which`: of the references that they
        share, which may have been passed already."""
        p, rows = self.problem, next(iter(x0.values())).shape[0]
        if which is not None and self.beside:
            trace, values = self.beside[0]
            return trace.rows(which, values)
        key = tuple(id(b) for b in x0.values())
        if key in self.passed:
            return self.passed[key][1]
        trace = p.path.run(p.source_feed(x0, p.repeat(p.first_row(integers), rows)))
        self.passed.clear()
        if rows == 1:
            self.passed[key] = tuple(x0.values()), trace  # who holds the tensors holds their ids
        return trace

    def shared_references(
        self, chosen: Mapping[str, Selection], integers: Mapping[str, Tensor], fit: int, keep: bool
    ) -> dict[str, Tensor]:
        """For a reference set that all samples share: the explained values at each reference, (references, units); `fit`
        rows a time. `keep`: one forward pass, where that was all, is kept for the walks."""
        if self.method.goal != "difference" or not self.method.shared_references(self.prepared):
            return {}
        p = self.problem
        refs = self.method.references(self.prepared, np.arange(1))
        assert refs is not None
        if p.needs_integers:
            raise RuleError(
                f"{self.method!r} needs references that do not depend on each sample's integer inputs, as this model's do: "
                "use DeepLift or IntegratedGradients with a baseline per sample"
            )
        out: dict[str, list[Tensor]] = {}
        count = next(iter(refs.values())).shape[0]
        size = self.fixed or min(count, fit)
        for start in range(0, count, size):
            rows = torch.arange(start, start + size).clamp(max=count - 1)
            real = min(size, count - start)
            feed = p.source_feed({v: b[rows] for v, b in refs.items()}, p.repeat(p.first_row(integers), size))
            trace = p.path.run(feed)
            for a in p.asked:
                s = chosen[a.name]
                y = scalar_value(s, values_at(a, trace), size) if s.scalar is not None else a.at[0].rows_first(trace[a.at[0].value])
                out.setdefault(a.name, []).append(y[:real])
            if keep and size == count and (values := _row_by_row(p, trace, count)) is not None:
                self.beside.append((trace, values))
        return {a: torch.cat(parts) for a, parts in out.items()}

    def alike(self, asked: Asked, selection: Selection) -> bool:
        """Whether a walk starts with the same relevance at every sample, on the first axis of one value."""
        seeding = self.method.seeding()
        number = isinstance(seeding, float | int) or (isinstance(seeding, str) and not starts_with_output(seeding))
        return number and selection.alike and [a.axis for a in asked.at] == [0]

    def seeds(
        self,
        asked: Asked,
        selection: Selection,
        trace: Trace,
        trace0: Trace | None,
        pairing: Pairing | None,
        samples: np.ndarray,
        repetitions: int,
        targets: slice,
        one_row: bool = False,
        hot: bool = False,
    ) -> dict[str, Tensor] | Hot:
        """The relevance that starts a walk of `repetitions` times all samples, by explained value; with `one_row`, one
        row of it, which stands for all. With `hot` it may be told by the units alone."""
        seeding, n = self.method.seeding(), len(samples)
        if one_row:
            (at,) = asked.at
            row = trace[at.value][:1]
            number = 1.0 if isinstance(seeding, str) else float(seeding)  # type: ignore[arg-type]
            if hot and _told_by_units(selection, at, row):
                return self._hot(asked, selection, at.rows_first(row), row.dim() == 2, samples[:1], None, targets)
            seed = one_hot(selection, at.rows_first(row), None, targets, number)
            return {at.value: at.native(seed, row)}
        local = None if repetitions == 1 else np.tile(np.arange(n), repetitions)
        if hot and _told_by_units(selection, (at := asked.at[0]), (native := trace[at.value])):
            at_samples = samples if local is None else samples[local]
            return self._hot(asked, selection, at.rows_first(native), native.dim() == 2, at_samples, local, targets)
        both = pairing is not None and trace0 is not None
        ys = {a.value: pairing.pair(a.value, trace[a.value], trace0[a.value]) if both else (trace[a.value], None) for a in asked.at}  # type: ignore[union-attr, index]
        if selection.scalar is not None:
            y, rows = {a.output: ys[a.value][0] for a in asked.at}, n * repetitions
            if both:
                gradient = line_gradient(selection, y, {a.output: ys[a.value][1] for a in asked.at}, rows)  # type: ignore[misc]
            else:
                gradient = scalar_gradient(selection, y, rows)
            return {a.value: _scaled(gradient[a.output], y[a.output], seeding)[None] for a in asked.at}
        (at,) = asked.at
        native = ys[at.value][0]
        y_rows = at.rows_first(native)
        if starts_with_output(seeding) and len(selection.terms) > 1:  # a contrast starts with each unit's own value
            return {at.value: at.native(one_hot(selection, y_rows, local, targets) * y_rows, native)}
        factor: Tensor | float = 1.0
        if not isinstance(seeding, str) or starts_with_output(seeding):
            own = picked(selection, y_rows, local)
            factor = seeding_factor(seeding, own, samples if local is None else samples[local], targets, self._made_by(asked))
        return {at.value: at.native(one_hot(selection, y_rows, local, targets, factor), native)}

    def _hot(
        self, asked: Asked, selection: Selection, y: Tensor, flat: bool, samples: np.ndarray, local: np.ndarray | None, targets: slice
    ) -> Hot:
        """The seed of targets that are one unit each; one row of units where all samples have the same. `flat`: the value has one
        axis of units."""
        seeding, c = self.method.seeding(), selection.terms[0][1]
        units: Tensor | int | None = selection.alone if flat else None
        if units is None:
            ((units, _),) = selection.take(targets, 1 if selection.alike else len(y), local)
            units = units.to(y.device)
        seed = Hot(units, constant(c, (targets.stop - targets.start, y.shape[0], 1), y.dtype, y.device))
        if isinstance(seeding, str):
            return Hot(units, seed.of(y) if c == 1 else c * seed.of(y)) if starts_with_output(seeding) else seed
        return seed.times(seeding_factor(seeding, picked(selection, y, local), samples, targets, self._made_by(asked)))


def _row_by_row(problem: Problem, trace: Trace, rows: int) -> list[str] | None:
    """The values of a forward pass that depend on what is explained, if shapes say that all of them have its rows on axis 0."""
    values = [v for v in trace.index if v in problem.per_row and v in trace]
    for v in values:
        shape, x = problem.graph.shapes.get(v), trace[v]
        if not shape or shape[0] is not None or None in shape[1:] or not isinstance(x, Tensor) or x.shape[0] != rows:
            return None
    return values


def _told_by_units(selection: Selection, at: At, y: Tensor) -> bool:
    """Whether targets are one unit each of an explained value that has the samples on its first axis."""
    return len(selection.terms) == 1 and at.axis == 0 and y.dim() >= 2


def _scaled(gradient: Tensor, y: Tensor, seeding: Any) -> Tensor:
    """A callable's gradient as a seed: times the outputs, or times a number."""
    if isinstance(seeding, str):
        return gradient * y if starts_with_output(seeding) else gradient
    if np.ndim(seeding):
        raise RuleError("LRP's seed is one number where the target is a callable")
    return gradient * float(seeding)
