"""Names of internal values, as `layers` takes them: exactly, by pattern, or all."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase

from ..errors import InputError

ALL = "all"


def is_pattern(name: str, values: Collection[str]) -> bool:
    """Whether it means several values: "all", or a pattern such as "encoder/*" that is not itself a name."""
    return name not in values and (name == ALL or any(c in name for c in "*?["))


def matching(names: Sequence[str], values: Collection[str], reached: Sequence[str]) -> tuple[str, ...]:
    """`names` with patterns replaced by the values they match, out of those that relevance reaches."""
    found: list[str] = []
    for name in names:
        if not is_pattern(name, values):
            found.append(name)
            continue
        matches = [v for v in reached if name == ALL or fnmatchcase(v, name)]
        if not matches:
            raise InputError(f"layers={name!r} matches none of the {len(reached)} internal values that relevance passes")
        found += matches
    return tuple(dict.fromkeys(found))
