"""Example data → the flat list of named tensors that the ONNX model takes, and back into a module's own arguments."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .. import ConversionError
from ..common.arguments import FIXED, Parameters, arguments_of, is_named
from ..common.data import unique


@dataclass(frozen=True)
class Slot:
    """The place of a tensor in the arguments."""

    index: int


@dataclass(frozen=True, eq=False)
class Call:
    """A call of the module: its arguments with a `Slot` for every tensor, and the tensors by name.

    `labels`: input → names of its features, where the example is a table.
    """

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    tensors: tuple[Any, ...]
    names: tuple[str, ...]
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def arguments(self, tensors: Sequence[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(args, kwargs) with these tensors."""
        return tuple(filled(a, tensors) for a in self.args), {k: filled(a, tensors) for k, a in self.kwargs.items()}


@dataclass(frozen=True, eq=False)
class Arguments:
    """An example that says itself which arguments go by position, and which by name."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


def call_of(example: Any, module: Any, dtype: Any) -> Call:
    """`example`: one argument, a tuple of them, a mapping by argument name, or `Arguments`; the module's only argument may be
    a mapping itself. Floating numbers become `dtype`. A nested value is named for its argument and its place in it."""
    takes = parameters_of(module)
    args, kwargs = (
        (example.args, dict(example.kwargs)) if isinstance(example, Arguments) else arguments_of(example, takes)
    )
    given = {**{takes.name(i): a for i, a in enumerate(args)}, **kwargs}
    data = [a for a in given.values() if not isinstance(a, FIXED)]
    alone = len(data) == 1 and isinstance(data[0], Mapping)  # its keys are names enough
    reader = _Reader(dtype)
    slotted = {n: reader.read("" if alone else n, a) for n, a in given.items()}
    if not reader.tensors:
        raise ConversionError("the example holds no tensor or array")
    return Call(
        tuple(list(slotted.values())[: len(args)]),
        {k: slotted[k] for k in kwargs},
        tuple(reader.tensors),
        unique(reader.names),
        reader.labels,
    )


def parameters_of(module: Any) -> Parameters:
    import torch

    if isinstance(module, torch.jit.ScriptModule):
        schema = getattr(module.forward, "schema", None)
        found = schema.arguments[1:] if schema else []
        names = tuple(re.sub(r"\.\d+$", "", a.name) for a in found)
        return Parameters(names, sum(not a.has_default_value() for a in found))
    every = inspect.signature(module.forward).parameters.values()
    named = [p for p in every if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return Parameters(
        tuple(p.name for p in named),
        sum(p.default is p.empty for p in named),
        next((p.name for p in every if p.kind is p.VAR_POSITIONAL), None),
        any(p.kind is p.VAR_KEYWORD for p in every),
        sum(p.kind is not p.KEYWORD_ONLY for p in named),
    )


class _Reader:
    """Collects the tensors of nested arguments and what to call them."""

    def __init__(self, dtype: Any) -> None:
        self.dtype = dtype
        self.tensors: list[Any] = []
        self.names: list[str] = []
        self.labels: dict[str, Sequence[str]] = {}

    def read(self, name: str, value: Any) -> Any:
        """The value with slots for its tensors."""
        if isinstance(value, FIXED):
            return value
        if isinstance(value, Mapping):
            parts = {k: self.read(f"{name}.{k}" if name else str(k), v) for k, v in value.items()}
            return parts if type(value) in (dict, Mapping) else _rebuilt(value, parts)
        if isinstance(value, (list, tuple)) and not _is_numbers(value):
            each = [self.read(f"{name}_{i}" if name else f"input_{i}", v) for i, v in enumerate(value)]
            return type(value)(*each) if is_named(value) else type(value)(each)
        tensor = _tensor(name, value, self.dtype)
        if hasattr(value, "columns") and tensor.dim() == 2:
            self.labels[name] = [str(c) for c in value.columns]
        self.tensors.append(tensor)
        self.names.append(name or "input")
        return Slot(len(self.tensors) - 1)


def _rebuilt(value: Mapping[Any, Any], parts: dict[Any, Any]) -> Any:
    try:
        return type(value)(parts)  # type: ignore[call-arg]
    except TypeError:
        return parts


def _tensor(name: str, value: Any, dtype: Any) -> Any:
    import torch

    if isinstance(value, torch.Tensor):
        tensor = value.detach().cpu()
    else:
        if hasattr(value, "to_numpy"):
            value = value.to_numpy()
        elif not hasattr(value, "__array__") and hasattr(value, "__dlpack__"):
            value = torch.from_dlpack(value).cpu()
        array = np.asarray(value)
        if array.dtype.kind not in "fiub":
            raise ConversionError(
                f"the example's {name or 'value'!r} is a {type(value).__qualname__} of {array.dtype}: give tensors or arrays of numbers"
            )
        tensor = torch.from_numpy(np.array(array))
    return tensor.to(dtype) if tensor.is_floating_point() else tensor


def _is_numbers(value: Any) -> bool:
    """A nested list of plain numbers is one array."""
    if isinstance(value, (list, tuple)):
        return bool(value) and all(_is_numbers(v) for v in value)
    return isinstance(value, (int, float, bool, np.number))


def filled(value: Any, tensors: Sequence[Any]) -> Any:
    """The argument with its tensors back in their slots."""
    if isinstance(value, Slot):
        return tensors[value.index]
    if isinstance(value, Mapping):
        parts = {k: filled(v, tensors) for k, v in value.items()}
        return parts if type(value) is dict else _rebuilt(value, parts)
    if isinstance(value, (list, tuple)):
        each = [filled(v, tensors) for v in value]
        return type(value)(*each) if is_named(value) else type(value)(each)
    return value


def leaves(value: Any, name: str = "", place: str = "") -> Iterator[tuple[str, str, Any]]:
    """(name, place, tensor) of what a module returns: keys of a mapping, fields of a named tuple or a dataclass, output and
    output_1 … of a tuple. The place is what Python writes behind the value to get there."""
    import torch

    if isinstance(value, torch.Tensor):
        yield name or "output", place, value
        return
    if isinstance(value, Mapping):
        items = [(str(k), f"[{k!r}]", v) for k, v in value.items()]
    elif is_named(value):
        items = [(k, f"[{i}]", v) for i, (k, v) in enumerate(zip(value._fields, value, strict=True))]
    elif isinstance(value, (list, tuple)):
        stem = name or "output"
        items = [(stem if i == 0 else f"{stem}_{i}", f"[{i}]", v) for i, v in enumerate(value)]
        name = ""
    elif hasattr(value, "__dataclass_fields__"):
        items = [(k, f".{k}", getattr(value, k)) for k in value.__dataclass_fields__]
    else:
        return
    for key, at, v in items:
        yield from leaves(v, f"{name}.{key}" if name else key, place + at)


def sample_axes(call: Call, batch_axis: int | None | Mapping[str, int | None]) -> tuple[int | None, ...]:
    """The axis of each tensor that holds the samples. Of a number: those tensors that are as long there as the first."""
    if isinstance(batch_axis, Mapping):
        if unknown := [n for n in batch_axis if n not in call.names]:
            raise ConversionError(f"batch_axis names {unknown}; the inputs are {', '.join(call.names)}")
        axes = [batch_axis.get(n) for n in call.names]
        for n, x, a in zip(call.names, call.tensors, axes, strict=True):
            if a is not None and not 0 <= a < x.dim():
                raise ConversionError(f"batch_axis={a} of input {n!r}, which has shape {tuple(x.shape)}")
        return tuple(axes)
    if batch_axis is None:
        return (None,) * len(call.tensors)
    sizes = [x.shape[batch_axis] if x.dim() > batch_axis else None for x in call.tensors]
    first = next((s for s in sizes if s is not None), None)
    return tuple(batch_axis if s is not None and s == first else None for s in sizes)


def with_rows(tensors: Sequence[Any], axes: Sequence[int | None], rows: int) -> tuple[Any, ...]:
    """The first samples, over and over where there are fewer."""
    import torch

    return tuple(
        x if a is None else x.index_select(a, torch.arange(rows) % x.shape[a])
        for x, a in zip(tensors, axes, strict=True)
    )
