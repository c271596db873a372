"""Attributions by name: of the only output by input name, otherwise by (input, output) pair."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..errors import InputError
from .attribution import Attribution

Pair = tuple[str, str]


def listed(names: Iterable[object], limit: int = 12) -> str:
    """'a', 'b', … (34 in all): names for an error message or a summary line, the first few of them."""
    shown = [repr(n) for n in names]
    if len(shown) <= limit:
        return ", ".join(shown) or "none"
    return f"{', '.join(shown[:limit])}, … ({len(shown)} in all)"


class ByName(Mapping[Any, Attribution]):
    """A read-only view of attributions by (name, output). `noun` says in errors what the names are.

    Keys are names where there is one output, pairs otherwise; a pair is understood in both cases.
    """

    def __init__(self, pairs: Mapping[Pair, Attribution], noun: str) -> None:
        self._pairs, self._noun = pairs, noun
        self._names = tuple(dict.fromkeys(name for name, _ in pairs))
        self._outputs = tuple(dict.fromkeys(output for _, output in pairs))

    def __getitem__(self, key: str | Pair) -> Attribution:
        if isinstance(key, tuple):
            if key in self._pairs:
                return self._pairs[key]
            raise InputError(f"no attribution for {key!r}; (name, output) pairs are {listed(self._pairs)}")
        if key not in self._names:
            raise InputError(f"no {self._noun} {key!r}; there are {listed(self._names)}")
        if len(self._outputs) > 1:
            asked = [pair for pair in self._pairs if pair[0] == key]
            raise InputError(f"{len(self._outputs)} outputs were explained, so name one with {key!r}: {listed(asked)}")
        return self._pairs[key, self._outputs[0]]

    def __contains__(self, key: object) -> bool:
        return key in self._pairs or (key in self._names and len(self._outputs) == 1)

    def __iter__(self) -> Iterator[str | Pair]:
        return iter(self._names if len(self._outputs) <= 1 else self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return "\n".join(repr(a) for a in self._pairs.values()) or f"no {self._noun}s"
