"""A method, rule or option as a key: equal for two of them only where they are written alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from functools import cache
from typing import Any

from .base import Method

PLAIN = (str, int, bool, bytes, type(None))


class NoKeyError(Exception):
    """A value that cannot be compared by what it is: a function, an array, an object that may change."""


def key_of(value: Any) -> Hashable:
    """Made of types, numbers and text alone; of a method without the fields that only say what data are compared with.

    Raises `NoKeyError` for what holds anything that is no value: a user's function may answer otherwise tomorrow.
    """
    kind = type(value)
    if kind in PLAIN:
        return kind, value
    if kind is float:
        return value.hex()  # 0.0 and -0.0 are two numbers
    if kind in (list, tuple):
        return kind, *[key_of(v) for v in value]
    if kind is dict:
        return kind, *[(key_of(k), key_of(v)) for k, v in value.items()]
    if kind in (set, frozenset):
        return kind, frozenset(key_of(v) for v in value)
    if isinstance(value, type):
        return value
    fields: tuple[str, ...] = _fields(kind)  # type: ignore[arg-type]
    values = [getattr(value, name) for name in fields]
    return kind, *[(type(v), v) if type(v) in PLAIN else key_of(v) for v in values]


@cache
def _fields(kind: Any) -> tuple[str, ...]:
    """What values of this type are told apart by."""
    parameters = kind.__dict__.get("__dataclass_params__")
    if parameters is None or not parameters.frozen:
        raise NoKeyError(kind.__name__)
    left_out = kind.of_data if issubclass(kind, Method) else ()
    return tuple([f.name for f in dataclasses.fields(kind) if f.name not in left_out])
