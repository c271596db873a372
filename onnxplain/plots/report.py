"""The report: one HTML file with everything an explanation knows, for someone who has nothing else at hand."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import OnnxplainError
from ..result.attribution import Attribution
from ..result.files import appearing
from ..result.summary import agreement
from ..result.tables import audit_columns
from .figure import figure_at
from .html import Markup, Right, document, esc, folded, picture, section, table, tiles
from .overview import overview_at
from .panel import channel_axis, kind_of
from .style import png

if TYPE_CHECKING:
    from ..explanation import Explanation

SAMPLES, TARGETS, ROWS, FEATURES, NODES = 3, 4, 60, 12, 250  # what is shown before "and so on"
LOST = 0.01  # a node that loses more than this share of its relevance is marked
LIBRARIES = ("onnxplain", "numpy", "torch", "onnx", "onnxruntime", "matplotlib")
DPI = 96


def report(e: Explanation, path: str | Path) -> None:
    """Writes the page: whole, or not at all."""
    page = document(f"Explanation of {e.model}", body(e))
    with appearing(Path(path)) as fresh:
        fresh.write_text(page, encoding="utf-8", errors="xmlcharrefreplace")


def body(e: Explanation) -> Iterator[str]:
    yield f"<header><h1>Explanation of {esc(e.model)}</h1>\n<p><code>{esc(e.method)}</code></p></header>"
    yield tiles(_facts(e))
    if e.notes:
        yield f"<ul>{''.join(f'<li>{esc(n)}</li>' for n in e.notes)}</ul>"
    yield section("Inputs", _inputs(e))
    yield section("Predictions and sums", *_sums(e))
    yield section("Samples", *_samples(e))
    if _count(e) > 1:
        yield section("All samples", *(_figure(overview_at(e, *t), f"all samples, {t}") for t in _targets(e)))
    features = list(_features(e))
    if features:
        columns = ("output", "target", "input", "feature", "mean |attribution|", "mean attribution", "share")
        about = '<p class="soft">Means over all samples; the share is of Σ |attribution| over all inputs.</p>'
        yield section("Strongest features", about, table(columns, features, columns[4:]))
    if e.audit_source is not None:
        yield section("Where relevance went", *_audit(e))
    if e.rules:
        counts = ", ".join(f"{esc(rule)} × {n}" for rule, n in Counter(e.rules.values()).most_common())
        each = folded(f"the rule of each of {len(e.rules)} nodes", table(("node", "rule"), e.rules.items()))
        yield section("Rules", f"<p><code>{counts}</code></p>", each)
    yield f"<footer>Made with {esc(', '.join(_versions()))}.</footer>"


def _count(e: Explanation) -> int:
    return next((len(a.values) for a in e.attributions.values()), 0)


def _facts(e: Explanation) -> list[tuple[str, object]]:
    inputs = len({i for i, _ in e.attributions})
    targets = sum(len(labels) for labels in e.target_labels.values())
    facts: list[tuple[str, object]] = [("samples", f"{_count(e):,}"), ("inputs", inputs), ("targets", targets)]
    return [*facts, ("difference of sum and goal", agreement(e))]


def _targets(e: Explanation) -> list[tuple[str, int]]:
    """(output, position) of the targets that get pictures."""
    # In turns, so that every output has its first target before any has its second.
    turns = [(output, t) for t in range(TARGETS) for output, labels in e.target_labels.items() if t < len(labels)]
    return turns[:TARGETS]


def _inputs(e: Explanation) -> Markup:
    rows = []
    for a in e.attributions.values():
        axes = " × ".join(f"{d} {n}" for d, n in zip(a.dims[1:-1], a.shape[1:-1], strict=True))
        rows.append((a.input, axes or "one number", a.output, "yes" if a.connected else "no: attributions are zero"))
    return table(("input", "axes", "output", "connected"), rows)


def _sums(e: Explanation) -> Iterator[str]:
    promise = "promises that sums equal goals" if e.complete else "does not promise that sums equal goals"
    yield f'<p class="soft">{esc(e.method)} {promise}. The difference is relative to the goal.</p>'
    columns = ("sample", "output", "target", "unit", "prediction", "goal", "sum", "difference")
    rows: list[tuple[object, ...]] = []
    names = next(iter(e.attributions.values())).labels["sample"] if e.attributions else ()
    total = sum(len(names) * len(labels) for labels in e.target_labels.values())
    for s, name in enumerate(names[:ROWS]):
        for output, labels in e.target_labels.items():
            for t, label in enumerate(labels[: ROWS - len(rows)]):
                unit, delta = int(e.target_units[output][s, t]), e.delta[output][s, t]
                difference = Right(f'<span class="bad">{delta:.3g}</span>') if abs(delta) > 1e-3 else delta
                numbers = [float(v[output][s, t]) for v in (e.predictions, e.goals, e.sums)]
                rows.append((str(name), output, label, str(unit) if unit >= 0 else "", *numbers, difference))
    yield table(columns, rows, columns[4:])
    if total > len(rows):
        yield f'<p class="soft">The first {len(rows)} of {total:,}.</p>'


def _samples(e: Explanation) -> Iterator[str]:
    for s in range(min(SAMPLES, _count(e))):
        for target in _targets(e):
            yield _figure(figure_at(e, s, *target), f"sample {s}, {target}")
    if _count(e) > SAMPLES:
        yield f'<p class="soft">The first {SAMPLES} of {_count(e):,} samples.</p>'
    shown, targets = len(_targets(e)), sum(len(labels) for labels in e.target_labels.values())
    if targets > shown:
        yield f'<p class="soft">Pictures of {shown} of {targets:,} targets.</p>'


def _figure(figure: Any, text: str) -> Markup:
    return picture(png(figure, DPI), text)


def _features(e: Explanation) -> Iterator[tuple[object, ...]]:
    """For each target: the inputs, and the features of tables or the channels of images and series, largest first."""
    for output, t in _targets(e):
        rows = [row for (_, out), a in e.attributions.items() if out == output for row in _strengths(a, t)]
        total = sum(size for _, feature, size, _ in rows if feature == WHOLE) or 1.0
        for name, feature, size, mean in sorted(rows, key=lambda row: -row[2])[:FEATURES]:
            yield output, e.target_labels[output][t], name, feature, size, mean, Right(f"{size / total:.1%}")


WHOLE = Markup('<span class="soft">all of it</span>')


def _strengths(a: Attribution, t: int) -> Iterator[tuple[str, str, float, float]]:
    """(input, feature, mean Σ|attribution|, mean Σ attribution) over samples."""
    values = a.values[..., t].astype(np.float64)
    dims, n = a.dims[1:-1], max(len(values), 1)
    yield a.input, WHOLE, float(np.abs(values).sum() / n), float(values.sum() / n)
    kind = kind_of(a)
    axis = (0 if dims else None) if kind in ("bars", "text") or len(dims) < 2 else channel_axis(dims, values.shape[1:])
    if axis is None or values.shape[axis + 1] < 2:
        return
    others = tuple(i for i in range(values.ndim) if i != axis + 1)
    sizes, means = np.abs(values).sum(axis=others) / n, values.sum(axis=others) / n
    for label, size, mean in zip(a.labels[dims[axis]], sizes, means, strict=True):
        yield a.input, label if isinstance(label, str) else f"{dims[axis]} {label}", float(size), float(mean)


def _audit(e: Explanation) -> Iterator[str]:
    try:
        rows = e.audit_rows
    except OnnxplainError as error:  # a method without an audit of its nodes says so
        yield f"<p>{esc(error)}</p>"
        return

    def shown(row: dict[str, Any], column: str) -> object:
        value = row.get(column)
        if column == "share_lost" and isinstance(value, (int, float)):
            return Right(f'<span class="{"bad" if abs(value) > LOST else ""}">{round(value, 4) + 0.0:.2%}</span>')
        return value

    yield '<p class="soft">Relevance that entered and left each node; bias, ε and padding can absorb a part of it.</p>'
    columns = audit_columns(rows)
    yield table(columns, ([shown(r, c) for c in columns] for r in rows[:NODES]), columns[4:])
    if len(rows) > NODES:
        yield f'<p class="soft">The first {NODES} of {len(rows):,} nodes.</p>'


def _versions() -> list[str]:
    found = []
    for library in LIBRARIES:
        try:
            found.append(f"{library} {version(library)}")
        except PackageNotFoundError:
            continue
    return [*found, f"Python {platform.python_version()}"]
