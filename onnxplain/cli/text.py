"""Results as lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

ROWS = 12
FEATURES = 5


def table(head: Sequence[str], body: Sequence[Sequence[str]], align: str = "") -> list[str]:
    """Columns to the left, or as `align` says, one < or > for each."""
    rows = [head, *body]
    widths = [max(len(r[i]) for r in rows) for i in range(len(head))]
    forms = [f"{a}{w}" for a, w in zip(align or "<" * len(head), widths, strict=True)]
    return ["  ".join(format(c, f) for c, f in zip(r, forms, strict=True)).rstrip() for r in rows]


def number(x: float) -> str:
    return "—" if np.isnan(x) else f"{x:.4g}"


def coverage_lines(model: Any, method: Any) -> list[str]:
    """The rule of every node under a method."""
    rows = model.coverage_rows(method)
    return table(("node", "operator", "kind", "rule"), [[r[k] for k in ("node", "operator", "kind", "rule")] for r in rows])


def only_calls(method: str) -> bool:
    """Whether a method, by name, needs nothing but a model that can be called."""
    from ..methods.blackbox.base import BlackBoxMethod
    from ..methods.table import method_from

    return isinstance(method_from(method), BlackBoxMethod)


def method_lines(model: Any) -> list[str]:
    """For every method: does it cover the model, and if not, where."""
    from ..methods.table import METHODS

    body = []
    for name, (make, _) in METHODS.items():
        if only_calls(name):
            body.append((name, "only calls the model"))
            continue
        rows = model.coverage_rows(make())
        lacking = [f"{r['node']} ({r['operator']})" for r in rows if r["rule"].startswith("none")]
        more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
        body.append((name, f"no rule for {', '.join(lacking[:3])}{more}" if lacking else f"covers all {len(rows)} nodes"))
    return table(("method", "coverage"), body)


def audit_lines(e: Any) -> list[str]:
    """The nodes that lost most relevance."""
    lossy = sorted((r for r in e.audit_rows if r["lost"]), key=lambda r: -abs(r["lost"]))
    body = [(r["node"], r["operator"], r["rule"], number(r["lost"]), f"{r['share_lost']:.2%}") for r in lossy[:ROWS]]
    head = ("relevance lost at", "operator", "rule", "lost", "share")
    return table(head, body, "<<<>>") if body else ["no relevance was lost"]


def result_lines(e: Any, names: Mapping[str, Sequence[str]]) -> list[str]:
    """Prediction, goal and sum of the first samples and targets; `names`: the units' labels by output."""
    body = []
    for out, predictions in e.predictions.items():
        for s, t in np.ndindex(*predictions.shape):
            values = (predictions[s, t], e.goals[out][s, t], e.sums[out][s, t], e.delta[out][s, t])
            body.append((str(s), out, target_name(e, out, s, t, names.get(out, ())), *map(number, values)))
    more = [f"… and {len(body) - ROWS} more"] if len(body) > ROWS else []
    return table(("sample", "output", "target", "prediction", "goal", "sum", "delta"), body[:ROWS], "<<<>>>>") + more


def target_name(e: Any, out: str, s: int, t: int, names: Sequence[str]) -> str:
    """The target's label, and the unit where the label does not say it: `predicted (7)`, `top 1 (gull)`."""
    label, unit = str(e.target_labels[out][t]), int(e.target_units[out][s, t])
    name = names[unit] if 0 <= unit < len(names) else str(unit)
    return label if unit < 0 or label in (str(unit), name) else f"{label} ({name})"


def feature_lines(e: Any) -> Iterator[str]:
    """For inputs with one feature axis: the features that matter most for the first sample and target."""
    for attribution in e.attributions.values():
        if len(attribution.dims) == 3 and attribution.connected:
            row = attribution.values[0, :, 0]
            order = np.argsort(-np.abs(row), kind="stable")[:FEATURES]
            named = ", ".join(f"{attribution.labels[attribution.dims[1]][i]} {row[i]:+.3g}" for i in order)
            yield f"sample 0, input {attribution.input!r}, output {attribution.output!r}: {named}"
