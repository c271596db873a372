"""What a model's inputs and outputs are: names, shapes, types, labels, and which axis holds the samples."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from .errors import InputError, ModelError
from .frontend.nodes import is_floating, type_name
from .frontend.types import ValueType


@dataclass(frozen=True)
class Spec:
    """One input or output. `shape`: a size per axis, None where it is free. `dtype`: as numpy writes it.

    `batch_axis`: the sample axis, or None where the value has none (a setting shared by all samples).
    `axes`: names of one sample's axes, where the file says them (empty: `axis_names` guesses). `labels`: names of
    coordinates, by axis name ("feature", "channel", "unit", …). `texts`: those in the model's file, by
    code, where the value holds text. `missing`: NaN is a number that is missing, and is filled in by the model. `sequence`: it is a
    list of tensors; `optional`: it may be None.
    """

    name: str
    shape: tuple[int | None, ...]
    dtype: str
    symbols: tuple[str | None, ...] = ()
    batch_axis: int | None = 0
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rank_known: bool = True
    texts: Mapping[int, str] = field(default_factory=dict, repr=False, compare=False)
    missing: bool = False
    sequence: bool = False
    optional: bool = False
    axes: tuple[str, ...] = ()

    @cached_property
    def key(self) -> Hashable:
        """What plans depend on."""
        return self.name, self.shape, self.dtype, self.batch_axis, self.rank_known

    @cached_property
    def floating(self) -> bool:
        return self.dtype.startswith(("float", "double", "bfloat"))

    @cached_property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(axis, size) of what data must fit, samples left out."""
        return tuple([(i, n) for i, n in enumerate(self.shape) if n is not None and i != self.batch_axis])

    @property
    def sample_shape(self) -> tuple[int | None, ...]:
        """The shape of one sample."""
        return tuple(s for i, s in enumerate(self.shape) if i != self.batch_axis)

    @property
    def fixed_batch(self) -> int | None:
        """The number of samples the model insists on, if it does."""
        return None if self.batch_axis is None or not self.shape else self.shape[self.batch_axis]

    def native(self, x: Any) -> Any:
        """A tensor with samples first → as the model reads it."""
        return x if self.batch_axis in (None, 0) else x.movedim(0, self.batch_axis)

    def described(self) -> str:
        shown = [str(s) if s is not None else (self.symbols[i] if i < len(self.symbols) and self.symbols[i] else "?") for i, s in enumerate(self.shape)]
        if self.sequence:
            return f"a sequence of {self.dtype}"
        return f"{self.dtype} ({', '.join(map(str, shown))})" if self.rank_known else f"{self.dtype} (rank unknown)"


def fixed_rows(inputs: Mapping[str, Spec]) -> int | None:
    """The number of samples that the inputs insist on, if they do."""
    counts = {n: s.fixed_batch for n, s in inputs.items() if s.fixed_batch is not None}
    if len(set(counts.values())) > 1:
        raise InputError(
            f"the inputs insist on different numbers of samples {counts}: say which axis holds them with "
            "batch_axis={input name: axis, or None for one without samples}"
        )
    return next(iter(counts.values()), None)


NUMPY_NAMES = {"float": "float32", "double": "float64", "bool": "bool"}


def make_spec(
    name: str,
    t: ValueType | None,
    batch_axis: int | None,
    texts: Mapping[int, str] | None = None,
    missing: bool = False,
) -> Spec:
    """`texts`: those of the model's file, by code; `missing`: NaN is filled in."""
    held = texts if texts is not None and t is not None and type_name(t.elem_type) == "string" else {}
    if t is None or t.shape is None:
        dtype = type_name(t.elem_type) if t is not None and t.elem_type else "float"
        sequence, optional = t is not None and not t.tensor, t is not None and t.optional
        axis = None if sequence or optional else batch_axis
        kind = NUMPY_NAMES.get(dtype, dtype)
        return Spec(name, (), kind, (), axis, {}, False, held, missing, sequence, optional)
    dtype = type_name(t.elem_type) if t.elem_type else "float"
    shape = tuple(s if isinstance(s, int) else None for s in t.shape)
    symbols = tuple(s if isinstance(s, str) else None for s in t.shape)
    axis = batch_axis if shape and not t.optional else None
    kind = NUMPY_NAMES.get(dtype, dtype)
    return Spec(name, shape, kind, symbols, axis, texts=held, missing=missing, optional=t.optional)


def batch_axes(
    inputs: Sequence[str],
    outputs: Sequence[str],
    types: Mapping[str, ValueType],
    given: int | None | Mapping[str, int | None],
) -> dict[str, int | None]:
    """The sample axis of each value: as given; else the axis with the same symbol as the first value's free first
    axis (recurrent states often carry the batch on axis 1); else 0, but None where the file's sizes cannot all be a
    number of samples (`without_samples`)."""
    names = [*inputs, *(o for o in outputs if o not in inputs)]
    if isinstance(given, Mapping):
        unknown = [k for k in given if k not in names]
        if unknown:
            raise InputError(f"batch_axis names {unknown}; the model has {list(names)}")
    symbol = None
    for n in names:
        shape = types[n].shape if n in types else None
        if shape and isinstance(shape[0], str):
            symbol = shape[0]
            break
    for axis in given.values() if isinstance(given, Mapping) else [given]:
        if axis is not None and (isinstance(axis, bool) or not isinstance(axis, int)):
            raise InputError(f"batch_axis={given!r}: give the number of an axis, or a dict of them by name")
    alone = without_samples(inputs, outputs, types) if given is None else frozenset()
    out: dict[str, int | None] = {}
    for n in names:
        shape = types[n].shape if n in types else None
        if isinstance(given, Mapping) and n in given:
            axis = given[n]
        elif isinstance(given, int):
            axis = given
        elif symbol is not None and shape and shape[0] != symbol and shape.count(symbol) == 1:
            axis = shape.index(symbol)
        else:
            axis = None if n in alone else 0
        if shape is not None and len(shape) == 0:
            axis = None
        if axis is not None and shape is not None:
            if not -len(shape) <= axis < len(shape):
                raise InputError(f"batch_axis {axis} of {n!r}: it has {len(shape)} axes")
            axis %= len(shape)
        out[n] = axis
    return out


def without_samples(inputs: Sequence[str], outputs: Sequence[str], types: Mapping[str, ValueType]) -> frozenset[str]:
    """Values whose first axis can hold no samples: a fixed size beside a free one, or beside a 1, is a shared table's,
    say; where all are fixed, differ, and none is 1, a call is one sample as a whole. A 1 is one sample (`data.prepare`
    repeats it where the other inputs hold several)."""
    first = {n: t.shape[0] for n in (*inputs, *outputs) if (t := types.get(n)) is not None and t.shape}
    sizes = {first[n] for n in inputs if n in first}
    if len(sizes - {None}) < 2:
        return frozenset()
    return frozenset(n for n, s in first.items() if isinstance(s, int) and s != 1)


#: names of axes, by their number
GUESSED: tuple[tuple[str, ...], ...] = (
    (),
    ("feature",),
    ("channel", "length"),
    ("channel", "height", "width"),
    ("channel", "depth", "height", "width"),
)


def axis_names(sample_shape: Sequence[int | None], known: Sequence[str] = ()) -> tuple[str, ...]:
    """feature | channel, length | channel, height, width (or height, width, channel) | channel, depth, height, width.

    `known`: a spec's `axes`, which are taken where there are any; guesses go by the shape alone.
    """
    rank = len(sample_shape)
    if known and len(known) == rank:
        return tuple(known)
    if rank == 3 and sample_shape[2] in (1, 3, 4) and sample_shape[0] not in (1, 3, 4):
        return ("height", "width", "channel")
    return GUESSED[rank] if rank < len(GUESSED) else tuple(f"axis_{i + 1}" for i in range(rank))


def named_axes(spec: Spec, stored: Any, chosen: bool) -> Spec:
    """The spec with the axes that its file's metadata name. `chosen`: the user said which axis holds the samples, so that those
    left over may be others than the file names.

    Raises `ModelError` where the metadata do not fit the value.
    """
    if stored is None:
        return spec
    names = tuple(stored) if isinstance(stored, list) and all(isinstance(v, str) for v in stored) else ()
    rank = len(spec.sample_shape) if spec.rank_known else len(names)
    if chosen and len(names) != rank:
        return spec
    if not names or len(names) != rank or len({*names, "sample", "target"}) != rank + 2:
        raise ModelError(
            f"the metadata onnxplain.axes of this file say {stored!r} for {spec.name!r}, {spec.described()}: they should hold a list of "
            f"{rank} different names, one for each axis of one sample, none of them 'sample' or 'target'"
        )
    return replace(spec, axes=names)


def labels_for(given: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    """A user's labels by value name: a dict of them, or a list meant for the only value."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        unknown = [k for k in given if k not in names]
        if unknown:
            raise InputError(f"{what} names {unknown}; the model has {list(names)}")
        table = dict(given)
    elif len(names) != 1:
        raise InputError(f"{what} must be a dict by name: the model has {list(names)}")
    else:
        table = {names[0]: given}
    for v in table.values():
        if isinstance(v, str) or not isinstance(v, Iterable):
            raise InputError(f"{what}={given!r}: give a list of names, or a dict of lists")
    return table


def input_labels(
    given: Any, name: str, sample_shape: Sequence[int | None], known: Sequence[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Labels of one input's axes: a dict by axis name, or a list for its only axis, its channels, or its last axis."""
    axes = axis_names(sample_shape, known)
    if given is None:
        return {}
    table = given if isinstance(given, Mapping) else None
    if table is None:
        wanted = len(list(given))
        fits = [a for a, s in zip(axes, sample_shape, strict=True) if s == wanted] or [a for a, s in zip(axes, sample_shape, strict=True) if s is None]
        if not fits:
            raise InputError(f"{wanted} labels for input {name!r}, whose sample has shape {tuple(sample_shape)}")
        table = {fits[0]: given}
    out = {}
    for axis, labels in table.items():
        if axis not in axes:
            raise InputError(f"labels for axis {axis!r} of input {name!r}; it has axes {axes}")
        size = sample_shape[axes.index(axis)]
        labels = tuple(map(str, labels))
        if size is not None and len(labels) != size:
            raise InputError(f"{len(labels)} labels for axis {axis!r} of input {name!r}, which has size {size}")
        out[axis] = labels
    return out


def stored_labels(metadata: Mapping[str, str], key: str) -> Any:
    """What a model file says in its metadata (`onnxplain.input_labels`, `output_labels`, `batch_axis`, `axes`: JSON by name)."""
    try:
        found = json.loads(metadata.get(f"onnxplain.{key}", "null"))
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


__all__ = ["Spec", "axis_names", "batch_axes", "input_labels", "is_floating", "labels_for", "make_spec", "named_axes", "stored_labels"]
