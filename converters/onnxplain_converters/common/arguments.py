"""Example data as a function's arguments: one, a tuple of them, or a mapping by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .. import ConversionError

#: values of arguments that are no data: they are fixed in the ONNX model
FIXED = (int, float, bool, str, type(None))


@dataclass(frozen=True)
class Parameters:
    """The arguments of a function, how many of them must be given, the name of *args, whether there is **kwargs, and how many
    go by position (None: all)."""

    names: tuple[str, ...]
    required: int
    extra: str | None = None
    keywords: bool = False
    positional: int | None = None

    def name(self, i: int) -> str:
        named = self.names[: self.positional]
        if i < len(named):
            return named[i]
        return f"{self.extra or 'input'}_{i - len(named)}"


def arguments_of(example: Any, takes: Parameters) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """(args, kwargs) as the example means them."""
    if isinstance(example, Mapping):
        unknown = [k for k in example if k not in takes.names]
        if not unknown or takes.keywords:
            return (), {str(k): v for k, v in example.items()}
        if takes.required <= 1:
            return (example,), {}
        raise ConversionError(f"the example has {unknown}; the arguments of the module are {', '.join(takes.names)}")
    return (example if isinstance(example, tuple) and not is_named(example) else (example,)), {}


def is_named(value: Any) -> bool:
    """Whether it is a named tuple."""
    return isinstance(value, tuple) and hasattr(value, "_fields")
