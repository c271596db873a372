"""Measured lines as text for a terminal, as Markdown and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .goals import GOALS, Verdict
from .measured import Measured

#: method → what the tables call it
NAMES = {
    "gradient": "gradient",
    "gradient_input": "gradient × input",
    "epsilon": "LRP-ε",
    "zplus": "LRP z⁺ (EpsilonPlus)",
    "plus_flat": "LRP EpsilonPlusFlat",
    "alpha2beta1": "LRP α2β1",
    "alpha_beta": "LRP α2β1 everywhere",
    "gamma": "LRP γ",
    "gamma_box": "LRP EpsilonGammaBox",
    "attnlrp": "AttnLRP",
    "deeplift": "DeepLIFT rescale",
    "reveal_cancel": "DeepLIFT reveal-cancel",
    "ig": "integrated gradients",
    "smoothgrad": "SmoothGrad",
    "expected": "expected gradients",
    "deepshap": "DeepSHAP",
    "load": 'load, verify="never"',
    "load_checked": "load",
    "import": "import onnxplain",
    "help": "onnxplain --help",
}
WHO = ("onnxplain", "explain()", "products", "autograd", "captum", "zennit", "shap", "tangermeme", "lxt")
#: and "wall": onnxplain by the clock on the wall, in floors by the same clock
COLUMNS = (WHO[0], "wall", *WHO[1:])
FLOORS = {"floors": "", "floors per target": "", "µs per node": " µs", "MB": " MB"}
Line = tuple[str, ...]


def verdict(row: Measured) -> Verdict | None:
    goal = GOALS.get((row.case, row.method))
    return None if goal is None else goal.verdict(row)


def cells(rows: Sequence[Measured], goals: bool) -> list[Line]:
    """A header and a line per row; columns that are empty in all rows are left out."""
    who = [w for w in COLUMNS if any(w in (*r.values, *r.failed) for r in rows)]
    compared, timed = any(r.differences for r in rows), any(r.floor_ms is not None for r in rows)
    head = [
        "case",
        *(["size"] if any(r.size is not None for r in rows) else []),
        "method",
        *(["threads"] if any(r.threads is not None for r in rows) else []),
        *(["floor, ms"] if timed else []),
    ]
    head += [*who[:1], *(["spread"] if timed else []), *who[1:], *(["target", "met"] if goals else [])]
    head += ["max difference"] if compared else []
    return [tuple(head), *(_line(r, head) for r in rows)]


def _line(row: Measured, head: Sequence[str]) -> Line:
    unit = FLOORS.get(row.unit, "")
    goal, found, ours = GOALS.get((row.case, row.method)), verdict(row), row.values.get("onnxplain")
    known = {
        "case": row.case,
        "size": "–" if row.size is None else f"{row.size:,}",
        "method": NAMES.get(row.method, row.method),
        "threads": "–" if row.threads is None else str(row.threads),
        "floor, ms": "–" if row.floor_ms is None else f"{row.floor_ms:.3g}",
        "spread": "–" if ours is None else f"{ours.low:.3g} … {ours.high:.3g}",
        "target": "–" if goal is None else f"{goal}{unit}",
        "met": "–" if found is None else str(found),
        "max difference": ", ".join(f"{w} {d:.0e}" for w, d in row.differences.items()) or "–",
        **{w: f"{number(v.median)}{unit}" for w, v in row.values.items()},
        **dict.fromkeys(row.failed, "fails"),
    }
    return tuple(known.get(h, "–") for h in head)


def number(x: float) -> str:
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.3g}"


def text(lines: Sequence[Line]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def markdown(lines: Sequence[Line]) -> str:
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    return "\n".join([head, "|" + "---|" * len(lines[0]), *body])


def said(about: dict[str, Any]) -> str:
    return ", ".join(f"{k} {v}" for k, v in about.items())


def as_json(rows: Sequence[Measured], about: dict[str, Any]) -> str:
    found = [
        {**asdict(r), "target": str(GOALS.get((r.case, r.method), "")), "verdict": str(verdict(r) or "")} for r in rows
    ]
    return json.dumps({"about": about, "rows": found}, ensure_ascii=False, indent=1)
