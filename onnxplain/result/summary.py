"""An explanation in a few lines of text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from .attribution import Attribution
from .lookup import listed

if TYPE_CHECKING:
    from ..explanation import Explanation


def summary(e: Explanation) -> str:
    rows = [("method", e.method), ("samples", f"{_samples(e):,}")]
    rows += [("inputs", text) for text in _shapes(e.attributions.values())]
    rows += [("outputs", f"{out!r}: {_targets(labels)}") for out, labels in e.target_labels.items()]
    rows += [("layers", text) for text in _shapes(e.layer_attributions.values())]
    rows += [("Σ − goal", agreement(e))]
    rows += [("note", note) for note in e.notes]
    names = [name if i == 0 or rows[i - 1][0] != name else "" for i, (name, _) in enumerate(rows)]
    width = max(len(name) for name in names)
    body = [f"  {name:<{width}}  {text}" for name, (_, text) in zip(names, rows, strict=True)]
    return "\n".join([f"Explanation of {e.model}", *body])


def agreement(e: Explanation) -> str:
    """How far sums are from goals, in words."""
    sizes = [np.abs(d[np.isfinite(d)]) for d in e.delta.values()]
    worst = max((float(s.max()) for s in sizes if s.size), default=None)
    if worst is None:
        return "this method sets no goal for the sum"
    return f"at most {worst:.2g} of the goal" + ("" if e.complete else " (not promised by this method)")


def _samples(e: Explanation) -> int:
    return next((len(a.values) for a in e.attributions.values()), 0)


def _targets(labels: tuple[str, ...]) -> str:
    return f"target {labels[0]!r}" if len(labels) == 1 else f"targets {listed(labels, 6)}"


def _shapes(attributions: Iterable[Attribution]) -> list[str]:
    """One line per input: name and axes; and, where it is so, the outputs it cannot reach."""
    lines: dict[str, list[str]] = {}
    for a in attributions:
        axes = ", ".join(f"{d} {n}" for d, n in zip(a.dims[1:-1], a.shape[1:-1], strict=True))
        line = lines.setdefault(a.input, [f"{a.input!r}: {axes or 'one number'}"])
        if not a.connected:
            line.append(f"cannot reach {a.output!r}")
    return ["; ".join(line) for line in lines.values()]
