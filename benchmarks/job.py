"""A line to be measured, and what all measurements share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .measured import Measured


@dataclass(frozen=True)
class Settings:
    """`limit`: seconds after which a line gets no further round. `libraries`: who takes part beside onnxplain and torch."""

    rounds: int
    limit: float
    libraries: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """`quick`: part of a quick run; `long`: only part of a run of everything."""

    part: str
    case: str
    method: str
    run: Callable[[Settings], Measured]
    size: int | None = None
    quick: bool = False
    long: bool = False

    @property
    def key(self) -> tuple[str, str, str, int | None]:
        return (self.part, self.case, self.method, self.size)
