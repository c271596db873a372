"""What the numbers depend on: machine, versions, date."""

from __future__ import annotations

import datetime
import json
import os
import platform
from pathlib import Path
from typing import Any

import torch

import onnxplain as ox

from .peers import versions


def facts(rounds: int) -> dict[str, Any]:
    return {
        "date": datetime.date.today().isoformat(),
        "cpu": f"{torch.get_num_threads()} threads, {_cpu()}",
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "onnxplain": ox.__version__,
        **versions(),
        "rounds": rounds,
    }


def kept(folder: Path, now: dict[str, Any], fresh: bool, measures: bool = True) -> dict[str, Any]:
    """The facts of the first of the runs that a folder holds, with the load of each that `measures`."""
    path = folder / "facts.json"
    if not fresh and path.exists():
        before: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if not measures:
            return before
        changed = {k: v for k, v in now.items() if k not in ("load", "date") and before.get(k) != v}
        loads = before["load"] if now["load"] in before["load"].split(", ") else f"{before['load']}, {now['load']}"
        now = {**before, "load": loads, **({"changed on resuming": changed} if changed else {})}
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now, ensure_ascii=False, indent=1), encoding="utf-8")
    return now


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
