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
    """Geometric mean of seconds(library) / seconds(onnxplain) over all points, by library and kind."""
    lines = []
    for kind in ("tab", "img"):
        for w in WHO[1:]:
            both = [r for r in rows if r.case.endswith(kind) and w in r.values and "onnxplain" in r.values]
            if both:
                logs = [math.log(r.values[w].median / r.values["onnxplain"].median) for r in both]
                ahead = sum(v > 0 for v in logs)
                times = math.exp(statistics.mean(logs))
                lines.append(
                    f"{kind}: {w} takes {times:.2f} times as long as onnxplain; longer at {ahead} of {len(both)} points"
                )
    return lines
