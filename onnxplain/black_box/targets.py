"""Targets of a model that is only called: resolved on its outputs, and read from any rows of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import InputError, TargetError
from ..methods.seeds import scalar_value
from ..targets import PerSample, Selection, per_output, resolve
from .predictor import Arrays, Predictor


@dataclass(frozen=True, eq=False)
class Asked:
    """A target of one output, or a callable of several (`name` "target"); `selection` over all samples."""

    name: str
    outputs: tuple[str, ...]
    selection: Selection

    def read(self, predictor: Predictor, outputs: Arrays, samples: np.ndarray) -> np.ndarray:
        """(rows, targets) in double precision, of rows that are copies of these samples."""
        s = self.selection
        if s.scalar is not None:
            native = {o: torch.from_numpy(np.ascontiguousarray(predictor.native_output(o, outputs[o]))) for o in self.outputs}
            return scalar_value(s, native, len(samples)).double().numpy()
        flat = outputs[self.outputs[0]].reshape(len(samples), -1)
        terms = [(units if s.fixed else units[samples], c) for units, c in s.terms]
        return sum(c * np.take_along_axis(flat, units, 1).astype(np.float64) for units, c in terms)  # type: ignore[return-value]


def resolve_all(predictor: Predictor, target: Any, outputs: Sequence[Arrays], n: int) -> list[Asked]:
    """`outputs`: those of all samples, in runs."""
    wanted = _wanted(target, outputs[0])
    if callable(target) and not isinstance(target, type) and len(wanted) > 1:
        selection = Selection((), (getattr(target, "__name__", "target").replace("<lambda>", "callable"),), scalar=target)
        return [Asked("target", tuple(wanted), selection)]
    return [Asked(o, (o,), _resolved(predictor, t, o, outputs, n)) for o, t in wanted.items()]


def _resolved(predictor: Predictor, target: Any, output: str, runs: Sequence[Arrays], n: int) -> Selection:
    found, start = [], 0
    for run in runs:
        y = run[output]
        rows = np.arange(start, start + len(y))
        some = target.of(rows, n) if isinstance(target, PerSample) else target
        found.append(resolve(some, output, y.astype(np.float64), predictor.labels.get(output)))
        start += len(y)
    first = found[0]
    if first.fixed:
        return first
    terms = tuple(
        (np.concatenate([s.terms[k][0] for s in found]), c) for k, (_, c) in enumerate(first.terms)
    )
    return Selection(terms, first.labels, first.scalar)


def _wanted(target: Any, outputs: Arrays) -> dict[str, Any]:
    """Outputs that are explained: those that a dict names; else all with floating values."""
    if isinstance(target, Mapping):
        chosen = per_output(target, list(outputs))
        if odd := {o: str(outputs[o].dtype) for o in chosen if outputs[o].dtype.kind not in "fiu"}:
            raise TargetError(f"the outputs {odd} hold no numbers")
        return chosen
    floating = [o for o, y in outputs.items() if y.dtype.kind == "f"]
    if not floating:
        held = {o: str(y.dtype) for o, y in outputs.items()}
        raise TargetError(
            f"the model gives {held}, no floating values: explain probabilities rather than labels (predict_proba), or name "
            "an output of whole numbers, target={output: 0}"
        )
    return per_output(target, floating)


def finite(values: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """The values; `InputError` where one is NaN or infinite."""
    bad = ~np.isfinite(values).all(1)
    if bad.any():
        raise InputError(
            f"the model gives NaN or infinite values for sample {samples[np.argmax(bad)]} or a masked copy of it: another "
            "baseline or data_ref may help"
        )
    return values
