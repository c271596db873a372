"""One measured line, and the file that keeps them: a run that is broken off keeps what it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .clock import Spread


@dataclass(frozen=True)
class Measured:
    """`values[who]`, in `unit`s; `floor_ms`: what one floor took; `differences[who]`: max |ours − theirs| / max |theirs|,
    in float64; `failed[who]`: what a library said instead of an answer. `size`: the place in a series of sizes; `threads`: those that
    onnxplain takes there."""

    part: str
    case: str
    method: str
    unit: str
    values: Mapping[str, Spread]
    floor_ms: float | None = None
    differences: Mapping[str, float] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    threads: int | None = None

    @property
    def key(self) -> tuple[str, str, str, int | None]:
        return (self.part, self.case, self.method, self.size)


def write(path: Path, row: Measured) -> None:
    """Appends: nothing that was measured is lost."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")


def read(path: Path) -> list[Measured]:
    """The rows of a file in the order of their first measurement, the newest numbers of each; none where it is missing."""
    if not path.exists():
        return []
    rows: dict[Any, Measured] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = _row(json.loads(line))
        rows[row.key] = row
    return list(rows.values())


def _row(known: dict[str, Any]) -> Measured:
    return Measured(**{**known, "values": {who: Spread(**v) for who, v in known["values"].items()}})
