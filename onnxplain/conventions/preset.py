"""Preset: what a convention changes in a method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..graph.last_activation import LAST
from ..rules.composites import Composite


class SeedOf:
    """A seed made of the target's value and the operator that computed it."""

    def __call__(self, y: Tensor, op: str) -> Tensor:
        raise NotImplementedError(type(self).__name__)


@dataclass(frozen=True)
class Preset:
    """`parameters`: values for the fields that were left at their defaults. `instead`: {field: {value: what the library
    means by it}}. `rules`: (method) → the rules of its walk.
    `last`: operators that `ignore_last_activation` leaves out. `merged`: linear layers have their batch normalisations
    inside."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    instead: Mapping[str, Mapping[Any, Any]] = field(default_factory=dict)
    rules: Callable[[Any], Composite] | None = None
    last: frozenset[str] = frozenset(LAST)
    merged: bool = True

    def settings(self, method: Any) -> dict[str, Any]:
        """What a method's fields become."""
        changed = {name: value for name, value in self.parameters.items() if left_at_default(method, name)}
        for name, table in self.instead.items():
            if (value := getattr(method, name)) in table:
                changed[name] = table[value]
        return changed


def left_at_default(thing: Any, name: str) -> bool:
    """Whether a field of a dataclass holds its default."""
    default = next(f.default for f in dataclasses.fields(thing) if f.name == name)
    value = getattr(thing, name)
    plain = isinstance(value, (bool, int, float, str)) and type(value) is type(default)
    return value is default or (plain and bool(value == default))
