"""Measured rows as text for a terminal, as markdown and as JSON."""

from __future__ import annotations

import datetime
import json
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import onnxplain as ox

from .goals import GOALS

#: method → what the table calls it
NAMES = {
    "gradient": "gradient",
    "epsilon": "LRP-ε",
    "zplus": "LRP z⁺ (EpsilonPlus)",
    "alpha2beta1": "LRP α2β1",
    "gamma": "LRP γ",
    "deeplift": "DeepLIFT rescale",
    "ig": "integrated gradients",
    "deepshap": "DeepSHAP",
}
WHO = ("onnxplain", "explain()", "autograd", "captum", "zennit")


@dataclass(frozen=True)
class Measured:
    """`ratios[who]`: CPU time in units of the floor, or µs per node; `differences[who]`: max |ours − theirs| / max |theirs|."""

    case: str
    method: str
    floor_ms: float
    ratios: dict[str, float]
    differences: dict[str, float]
    per_node: bool = False

    @property
    def met(self) -> bool | None:
        goal = GOALS.get((self.case, self.method))
        return None if goal is None else goal.met(self.ratios)


def facts(versions: dict[str, str], rounds: int) -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": f"{torch.get_num_threads()} threads, {_cpu()}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxplain": ox.__version__,
        **versions,
        "rounds": rounds,
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def cells(rows: Sequence[Measured], goals: bool) -> list[tuple[str, ...]]:
    """A header and one line per row."""
    who = [w for w in WHO if any(w in r.ratios for r in rows)]
    head = ("case", "method", "floor, ms", *who, *(["target", "met"] if goals else []), "max difference")
    return [head, *(_line(r, who, goals) for r in rows)]


def _line(r: Measured, who: Sequence[str], goals: bool) -> tuple[str, ...]:
    unit = " µs" if r.per_node else ""
    goal = GOALS.get((r.case, r.method))
    middle = [f"{r.ratios[w]:.3g}{unit}" if w in r.ratios else "–" for w in who]
    judged = ["–" if goal is None else f"{goal}{unit}", {True: "yes", False: "no", None: "–"}[r.met]] if goals else []
    differences = ", ".join(f"{w} {d:.0e}" for w, d in r.differences.items()) or "–"
    return (r.case, NAMES[r.method], f"{r.floor_ms:.3g}", *middle, *judged, differences)


def text(lines: Sequence[Sequence[str]]) -> str:
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def markdown(lines: Sequence[Sequence[str]], about: dict[str, Any]) -> str:
    head, *body = ["| " + " | ".join(line) + " |" for line in lines]
    said = ", ".join(f"{k} {v}" for k, v in about.items())
    return "\n".join([said, "", head, "|" + "---|" * len(lines[0]), *body, ""])


def as_json(rows: Sequence[Measured], about: dict[str, Any]) -> str:
    return json.dumps({"about": about, "rows": [{**asdict(r), "met": r.met} for r in rows]}, ensure_ascii=False, indent=1)
