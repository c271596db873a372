"""An explanation as one long table, and its audit as another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .attribution import Attribution
from .optional import require

if TYPE_CHECKING:
    import pandas as pd

    from ..explanation import Explanation

AUDIT_COLUMNS = ("node", "operator", "kind", "rule", "relevance_in", "relevance_out", "lost", "share_lost")


def audit_columns(rows: Sequence[dict[str, Any]]) -> tuple[str, ...]:
    """Those, and what rounding did in models that round."""
    return (*AUDIT_COLUMNS, "rounding") if any("rounding" in row for row in rows) else AUDIT_COLUMNS


def audit_frame(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    pandas = require("pandas", "tables", "a table")
    return pandas.DataFrame([dict(row) for row in rows], columns=list(audit_columns(rows)))


def to_frame(e: Explanation) -> pd.DataFrame:
    """One row per sample, input, output, target and place in the input. Texts are categories, in the labels' order."""
    pandas = require("pandas", "tables", "to_frame()")
    parts = list(e.attributions.values())
    axes = list(dict.fromkeys(d for a in parts for d in a.dims[1:-1]))
    columns: dict[str, Any] = {"sample": _labels(pandas, parts, "sample")}
    columns["input"] = _names(pandas, parts, [a.input for a in parts])
    columns["output"] = _names(pandas, parts, [a.output for a in parts])
    columns["target"] = _labels(pandas, parts, "target", [e.target_labels[a.output] for a in parts])
    columns |= {d: _labels(pandas, parts, d) for d in axes}
    columns["value"] = np.concatenate([a.values.ravel() for a in parts]) if parts else np.empty(0)
    for name, per_output in (("prediction", e.predictions), ("goal", e.goals), ("sum", e.sums)):
        columns[name] = _broadcast([per_output[a.output] for a in parts], parts)
    return pandas.DataFrame(columns)


def _broadcast(tables: Sequence[np.ndarray], parts: Sequence[Attribution]) -> np.ndarray:
    """(samples, targets) numbers, once per place in the input."""
    rows = []
    for table, a in zip(tables, parts, strict=True):
        shape = (a.shape[0], *(1,) * (len(a.shape) - 2), a.shape[-1])
        rows.append(np.broadcast_to(np.reshape(table, shape), a.shape).ravel())
    return np.concatenate(rows) if rows else np.empty(0)


def _names(pandas: Any, parts: Sequence[Attribution], names: Sequence[str]) -> Any:
    """A column that holds one name per attribution."""
    order = {n: i for i, n in enumerate(dict.fromkeys(names))}
    codes = np.repeat([order[n] for n in names], [a.values.size for a in parts])
    return pandas.Categorical.from_codes(codes, list(order))


def _labels(pandas: Any, parts: Sequence[Attribution], dim: str, given: Sequence[Sequence[Any]] | None = None) -> Any:
    """A column of one axis' labels: numbers and dates stay what they are; integers become nullable where an input
    has no such axis."""
    labels = [a.labels.get(dim, ()) for a in parts] if given is None else given
    order = {label: i for i, label in enumerate(dict.fromkeys(label for own in labels for label in own))}
    places = []
    for a, own in zip(parts, labels, strict=True):
        codes = np.array([order[label] for label in own] if dim in a.dims else [-1], dtype=np.intp)
        shape = [len(codes) if d == dim else 1 for d in a.dims]
        places.append(np.broadcast_to(codes.reshape(shape), a.shape).ravel())
    code = np.concatenate(places) if places else np.empty(0, dtype=np.intp)
    index = pandas.Index(list(order), tupleize_cols=False)
    if index.dtype.kind in "OUb" or any(isinstance(v, str) for v in order):
        return pandas.Categorical.from_codes(code, index)
    if index.dtype.kind in "iu" and (code < 0).any():
        return pandas.array(index, dtype="Int64").take(code, allow_fill=True)
    return index.array.take(code, allow_fill=True)
