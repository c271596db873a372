"""Panel: one input of one sample, reduced to what is drawn, whoever draws it (matplotlib or plotly)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..result.attribution import Attribution

#: Axis names that mean an order in time or text; they decide where shapes alone do not.
ORDERED = frozenset({"length", "time", "step", "steps", "sequence", "position", "token", "tokens", "word", "words"})
CHANNELS = frozenset({"channel", "channels"})
PICTURE = frozenset({"height", "width"})
MOST_CHANNELS = 4  # a last axis this short is taken for the channels of an image


def _norm(v: np.ndarray, axis: int) -> np.ndarray:
    return np.sqrt((v**2).sum(axis=axis))


def _max_abs(v: np.ndarray, axis: int) -> np.ndarray:
    largest = np.expand_dims(np.abs(v).argmax(axis=axis), axis)
    return np.take_along_axis(v, largest, axis=axis).squeeze(axis)


AGGREGATES: Mapping[str, Callable[[np.ndarray, int], np.ndarray]] = {
    "sum": lambda v, axis: v.sum(axis=axis),
    "mean": lambda v, axis: v.mean(axis=axis),
    "norm": _norm,
    "max_abs": _max_abs,
}


def aggregated(values: np.ndarray, axis: int, how: str) -> np.ndarray:
    if how not in AGGREGATES:
        raise InputError(f"aggregate is one of {', '.join(map(repr, AGGREGATES))}, got {how!r}")
    return AGGREGATES[how](values, axis)


@dataclass(frozen=True, eq=False)
class Panel:
    """kind "bars" and "text": values and data (n,); "series": (channel, length); "image": values (height, width) and
    data the same or (height, width, 3) in 0 … 1.

    `labels`: of each axis of the values. `flow`: a series' channels as one.
    """

    kind: str
    name: str
    values: np.ndarray
    labels: tuple[tuple[Any, ...], ...]
    axes: tuple[str, ...]
    data: np.ndarray | None
    total: float
    connected: bool = True
    note: str = ""
    flow: np.ndarray | None = None


def kind_of(a: Attribution) -> str:
    """What an input's axes (without sample and target) look like."""
    dims = a.dims[1:-1]
    if PICTURE <= set(dims) or len(dims) >= 3:
        return "image"
    if len(dims) == 2:
        return "series"
    if not dims:
        return "bars"
    named = all(isinstance(v, str) for v in a.labels[dims[0]])
    if dims[0] in ORDERED:
        return "text" if named else "series"
    # Whole numbers in a row without names are token ids.
    coded = a.data is not None and a.data.dtype.kind in "iu" and a.shape[1] > 1
    return "text" if coded and not named else "bars"


def channel_axis(dims: tuple[str, ...], shape: tuple[int, ...]) -> int | None:
    """Which axis of an image or series holds its channels; None where there is none."""
    for i, d in enumerate(dims):
        if d in CHANNELS:
            return i
    if len(dims) == 2:
        return None if PICTURE == set(dims) else (1 if dims[0] in ORDERED else 0)
    if PICTURE <= set(dims):
        others = [i for i, d in enumerate(dims) if d not in PICTURE]
        return others[0] if others else None
    return len(dims) - 1 if shape[-1] <= MOST_CHANNELS < shape[0] else 0


def panel_of(a: Attribution, sample: int, target: int, aggregate: str) -> Panel:
    """The picture of one sample and target of an attribution."""
    values = np.asarray(a.values[sample, ..., target])
    data = None if a.data is None else np.asarray(a.data[sample])
    data = data if data is not None and data.shape == values.shape else None
    return panel(a, values, data, aggregate)


def panel(a: Attribution, values: np.ndarray, data: np.ndarray | None, aggregate: str) -> Panel:
    """A picture of `values`, which lie on the axes of `a`."""
    dims, kind = a.dims[1:-1], kind_of(a)
    aggregated(np.zeros((1, 1)), 0, aggregate)  # a wrong name is an error for every kind of input
    total = float(values.sum())
    about: dict[str, Any] = {"kind": kind, "name": a.input, "total": total, "connected": a.connected}
    if kind in ("bars", "text"):
        flat = None if data is None else data.reshape(-1)
        labels = a.labels[dims[0]] if dims else (a.input,)
        if kind == "text" and flat is not None and not all(isinstance(v, str) for v in labels):
            labels = tuple(flat.tolist())
        return Panel(values=values.reshape(-1), labels=(labels,), axes=dims or ("",), data=flat, **about)
    if kind == "series":
        return _series(a, values, data, aggregate, about)
    return _image(a, values, data, aggregate, about)


def _series(a: Attribution, v: np.ndarray, data: np.ndarray | None, how: str, about: dict[str, Any]) -> Panel:
    dims = a.dims[1:-1]
    if len(dims) == 1:
        data = None if data is None else data[None]
        return Panel(values=v[None], labels=(("",), a.labels[dims[0]]), axes=("", dims[0]), data=data, flow=v, **about)
    c = channel_axis(dims, v.shape)
    if c == 1:
        v, data, dims = v.T, None if data is None else data.T, dims[::-1]
    labels = tuple(a.labels[d] for d in dims)
    return Panel(values=v, labels=labels, axes=dims, data=data, flow=aggregated(v, 0, how), **about)


def _image(a: Attribution, v: np.ndarray, data: np.ndarray | None, how: str, about: dict[str, Any]) -> Panel:
    dims, note = a.dims[1:-1], ""
    c = channel_axis(dims, v.shape)
    if c is None:
        v, data = v[None], None if data is None else data[None]
    else:
        v, data = np.moveaxis(v, c, 0), None if data is None else np.moveaxis(data, c, 0)
        dims = tuple(d for i, d in enumerate(dims) if i != c)
    while v.ndim > 3:  # a volume or a video: the slice with most relevance
        size = np.abs(v).sum(axis=tuple(i for i in range(v.ndim) if i != 1))
        at = int(size.argmax())
        note += f", {dims[0]} {a.labels[dims[0]][at]}"
        v, data, dims = v[:, at], None if data is None else data[:, at], dims[1:]
    labels = tuple(a.labels[d] for d in dims)
    note = f"strongest slice{note}".replace("slice, ", "slice: ") if note else ""
    flat, picture = aggregated(v, 0, how), None if data is None else displayed(data)
    return Panel(values=flat, labels=labels, axes=dims, data=picture, note=note, **about)


def displayed(data: np.ndarray) -> np.ndarray:
    """(channel, height, width) in any scale → (height, width) or (height, width, 3) in 0 … 1."""
    x = np.nan_to_num(data.astype(np.float64))
    x = x[:3] if x.shape[0] in (3, 4) else x.mean(axis=0, keepdims=True)
    low, high = x.min(initial=np.inf), x.max(initial=-np.inf)
    x = (x - low) / (high - low) if high > low else np.full_like(x, 0.5)
    return x[0] if len(x) == 1 else np.moveaxis(x, 0, -1)
