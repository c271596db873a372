"""What a run found: tables, verdicts, files and plots, and what a page shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import plots
from .goals import GOALS
from .measured import Measured
from .scaling import jumps
from .table import as_json, cells, markdown, said, text, verdict

TITLES = {"speed": "Speed", "start": "Start", "memory": "Memory", "scaling": "Scaling"}


def tables(rows: Sequence[Measured], goals: bool) -> dict[str, list[tuple[str, ...]]]:
    """Part → its table."""
    found = {part: [r for r in rows if r.part == part] for part in TITLES}
    return {part: cells(these, goals and part != "scaling") for part, these in found.items() if these}


def summary(rows: Sequence[Measured]) -> list[str]:
    """How many targets were missed, which, what failed, and where a cost jumps."""
    judged = [(r, v) for r in rows if (v := verdict(r)) is not None]
    missed = [(r, v) for r, v in judged if not v.met]
    noisy = sum(v.noise for _, v in judged)
    lines = [f"{len(missed)} of {len(judged)} targets missed; {noisy} verdicts within noise"]
    lines += [
        f"missed: {r.case}, {r.method}: {_ours(r)}" + (" (within noise)" if v.noise else "") + _beyond(r)
        for r, v in missed
    ]
    lines += [f"fails: {r.case}, {r.method}: {w}: {what}" for r in rows for w, what in r.failed.items()]
    return lines + [f"jumps: {jump}" for jump in jumps(rows)]


def failed(rows: Sequence[Measured]) -> bool:
    """A target is missed, or a cost jumps."""
    return bool(jumps(rows)) or any(v is not None and not v.met for v in map(verdict, rows))


def write(folder: Path, rows: Sequence[Measured], about: dict[str, Any], goals: bool) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    parts = [f"## {TITLES[p]}\n\n{markdown(t)}" for p, t in tables(rows, goals).items()]
    last = "## Summary\n\n" + "\n".join(f"- {line}" for line in summary(rows))
    made = {"benchmarks.json": as_json(rows, about), "benchmarks.md": "\n\n".join([said(about), *parts, last]) + "\n"}
    for name, content in made.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [*(folder / name for name in made), *plots.write(folder, rows)]


def on_page(rows: Sequence[Measured], about: dict[str, Any]) -> dict[str, str]:
    """What stands between the marks of the page, by mark: each part's table, and the summary."""
    made = {p: f"{said(about)}\n\n{markdown(t)}" for p, t in tables(rows, True).items()}
    return made | {"summary": "\n".join(f"- {line}" for line in summary(rows))}


def shown(rows: Sequence[Measured], goals: bool) -> str:
    return "\n\n".join(text(t) for t in tables(rows, goals).values())


def _ours(row: Measured) -> str:
    return f"{v.median:.3g} {row.unit}" if (v := row.values.get("onnxplain")) else "no answer"


def _beyond(row: Measured) -> str:
    """That a target lies below what the floor's products take alone."""
    goal, alone = GOALS.get((row.case, row.method)), row.values.get("products")
    if goal is None or goal.limit is None or alone is None or alone.median <= goal.limit:
        return ""
    return f"; the products alone take {alone.median:.3g}"
