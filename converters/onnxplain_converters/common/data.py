"""What a model says that it takes, and example data in that form: given, or drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ConversionError

#: sizes that are tried for axes that are free, such as a series' length or an image's height
SIZES = (8, 32, 64, 128)
ROWS = 2


@dataclass(frozen=True)
class Input:
    """A named tensor. `shape`: None where free. `codes`: how many, for integers that look up a table."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    codes: int | None = None

    @property
    def free(self) -> bool:
        """Whether it takes any number of samples."""
        return self.shape[:1] == (None,)

    def __str__(self) -> str:
        return f"{self.name!r} {self.dtype} ({', '.join('N' if s is None else str(s) for s in self.shape)})"


Arrays = dict[str, np.ndarray]


def given(inputs: Sequence[Input], example: Any) -> tuple[Arrays, dict[str, list[str]]]:
    """(array by input, names of its features by input) of an example: an array or table for the only input, a sequence in
    the inputs' order, or a mapping by name."""
    values = _by_name(inputs, example)
    arrays, labels = {}, {}
    for i in inputs:
        value = values[i.name]
        x = as_array(value)
        wrong = x.ndim != len(i.shape) or any(
            s not in (None, n) for s, n in zip(i.shape[1:], x.shape[1:], strict=False)
        )
        if (
            wrong
            or not x.size
            or _kind(i.dtype) != _kind(str(x.dtype))
            and "text" in (_kind(i.dtype), _kind(str(x.dtype)))
        ):
            raise ConversionError(f"the model takes {i}; the example has {x.dtype} {x.shape}")
        arrays[i.name] = x.astype(object if _kind(i.dtype) == "text" else i.dtype)
        if hasattr(value, "columns") and x.ndim == 2:
            labels[i.name] = [str(c) for c in value.columns]
    return arrays, labels


def _by_name(inputs: Sequence[Input], example: Any) -> Mapping[str, Any]:
    names = [i.name for i in inputs]
    if isinstance(example, Mapping):
        if set(example) != set(names):
            raise ConversionError(
                f"the example has {sorted(map(str, example))}; the model takes {', '.join(map(str, inputs))}"
            )
        return example
    many = isinstance(example, (list, tuple)) and (len(inputs) > 1 or _holds_arrays(example))
    each = list(example) if many else [example]
    if len(each) != len(inputs):
        raise ConversionError(
            f"the example has {len(each)} value{'s' * (len(each) > 1)}; the model takes {', '.join(map(str, inputs))}"
        )
    return dict(zip(names, each, strict=True))


def _holds_arrays(example: Sequence[Any]) -> bool:
    return bool(example) and all(hasattr(v, "shape") and hasattr(v, "dtype") for v in example)


def as_array(value: Any) -> np.ndarray:
    """A table's, a tensor's or a nested list's numbers; text as objects."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    x = value.to_numpy() if hasattr(value, "to_numpy") else np.asarray(value)
    return x.astype(object) if x.dtype.kind in "US" else x


def _kind(dtype: str) -> str:
    return "text" if dtype in ("object", "string") or dtype.startswith("<U") else "number"


def drawn(inputs: Sequence[Input]) -> Iterator[Arrays]:
    """Two samples of made-up data, for one size of the free axes after another."""
    if text := next((i for i in inputs if _kind(i.dtype) == "text"), None):
        raise ConversionError(f"the model takes text ({text}): give example data")
    open_ = any(None in i.shape[1:] for i in inputs)
    for size in SIZES if open_ else SIZES[:1]:
        rng = np.random.default_rng(0)
        yield {i.name: _drawn(i, size, rng) for i in inputs}


def _drawn(i: Input, size: int, rng: np.random.Generator) -> np.ndarray:
    shape = tuple(ROWS if k == 0 and s is None else s or size for k, s in enumerate(i.shape))
    kind = np.dtype(i.dtype).kind
    if kind == "f":
        return rng.standard_normal(shape).astype(i.dtype)
    if kind == "b":
        return rng.random(shape) < 0.5
    # a table's first code often stands for nothing
    most = i.codes or (256 if i.dtype == "uint8" else 2)
    return rng.integers(min(1, most - 1), most, shape).astype(i.dtype)


def with_rows(inputs: Sequence[Input], arrays: Mapping[str, np.ndarray], rows: int) -> Arrays:
    """The first samples, over and over where there are fewer; inputs with a fixed number of them keep theirs."""
    return {i.name: (x := arrays[i.name])[np.arange(rows) % len(x)] if i.free else arrays[i.name] for i in inputs}


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """(name, tensor) of nested mappings and sequences: keys of a mapping, numbers in a sequence."""
    if isinstance(value, Mapping):
        for k in sorted(value):
            yield from leaves(value[k], f"{name}.{k}" if name else str(k))
    elif isinstance(value, (list, tuple)):
        for k, v in enumerate(value):
            yield from leaves(v, f"{name}_{k}" if k else name)
    elif value is not None:
        yield name, value


def outputs_of(value: Any) -> list[tuple[str, Any]]:
    """(name, tensor) of what a model returns: its keys, or "output", "output_1" …"""
    return [(f"output{n}" if n[:1] in ("", "_") else n, t) for n, t in leaves(value)]


def packed(structure: Any, tensors: Iterator[Any]) -> Any:
    """The structure with these tensors for its leaves, in the order of `leaves`."""
    if isinstance(structure, Mapping):
        return {k: packed(structure[k], tensors) for k in sorted(structure)}
    if isinstance(structure, (list, tuple)):
        each = [packed(v, tensors) for v in structure]
        return type(structure)(*each) if hasattr(structure, "_fields") else type(structure)(each)
    return None if structure is None else next(tensors)


def unique(names: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """The names, numbered where they repeat or are empty."""
    seen, out = set(taken), []
    for name in names:
        free = next(n for k in range(len(names) + len(seen) + 1) if (n := f"{name}_{k}" if k else name) not in seen)
        seen.add(free)
        out.append(free)
    return tuple(out)
