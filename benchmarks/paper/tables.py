"""The run-time grids as a Markdown file, and in a few sentences."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..measured import Measured
from ..table import said

WHO = ("onnxplain", "captum", "zennit", "shap", "tangermeme", "innvestigate")


def convert(folder: Path, rows: Sequence[Measured], about: dict[str, Any]) -> Path:
    """paper.md: seconds of each library at each point."""
    parts = [said(about), "", *_table(rows)]
    path = folder / "paper.md"
    path.write_text("\n".join(parts) + "\n", encoding="utf-8")
    return path


def _table(rows: Sequence[Measured]) -> list[str]:
    who = [w for w in WHO if any(w in r.values for r in rows)]
    lines = ["| factor | size | method | " + " | ".join(who) + " |", "|" + "---|" * (3 + len(who))]
    for r in rows:
        seconds = [f"{r.values[w].median:.3g}" if w in r.values else "–" for w in who]
        lines.append(f"| {r.case} | {r.size} | {r.method} | " + " | ".join(seconds) + " |")
    return lines


def summary(rows: Sequence[Measured]) -> list[str]:
    """Of every kind of data and method, by library: seconds(library) / seconds(onnxplain), the geometric mean over all points,
    and at how many points it takes longer. A Markdown table."""
    who = [w for w in WHO[1:] if any(w in r.values for r in rows)]
    lines = ["| data | method | " + " | ".join(who) + " |", "|" + "---|" * (2 + len(who))]
    for kind in dict.fromkeys(kind_of(r) for r in rows):
        these = [r for r in rows if kind_of(r) == kind and "onnxplain" in r.values]
        for m in dict.fromkeys(r.method for r in these):
            found = [_times([r for r in these if r.method == m], w) for w in who]
            lines += [f"| {kind} | {m} | " + " | ".join(found) + " |"] if any(f != "–" for f in found) else []
        lines.append(f"| {kind} | all | " + " | ".join(_times(these, w) for w in who) + " |")
    return lines


def kind_of(row: Measured) -> str:
    return row.case.partition(", ")[2]


def _times(rows: Sequence[Measured], who: str) -> str:
    logs = [math.log(r.values[who].median / r.values["onnxplain"].median) for r in rows if who in r.values]
    return f"{math.exp(statistics.mean(logs)):.2f} × ({sum(v > 0 for v in logs)} of {len(logs)})" if logs else "–"
