"""Players: the parts of a sample that are kept or replaced together — features, windows, grid cells, superpixels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from ...errors import InputError, MissingDependencyError
from ...specs import axis_names

#: cells per axis where nothing is asked for, by the number of axes that are cut
CELLS = {1: 32, 2: 8, 3: 4}
NO_NAMES: Mapping[str, Sequence[str]] = MappingProxyType({})


def cut_axes(shape: Sequence[int], known: Sequence[str] = ()) -> tuple[int, ...]:
    """The axes of a sample that windows and cells cut: all but channels; of two whose names are not known, the longer one."""
    names = axis_names(shape, known)
    if len(names) == 2 and "channel" not in known:
        return (int(np.argmax(shape)),)
    return tuple(i for i, a in enumerate(names) if a != "channel")


@dataclass(frozen=True, eq=False)
class Players:
    """`of[input]`: the number of each element's player, −1 where it has none and is never replaced; `n` players."""

    of: Mapping[str, np.ndarray]
    n: int

    def masks(self, coalitions: np.ndarray) -> Callable[[np.ndarray], Mapping[str, np.ndarray]]:
        """Elementwise masks of coalitions (k, n): True where a player is in."""
        kept = np.concatenate([coalitions, np.ones((len(coalitions), 1), dtype=bool)], axis=1)
        return lambda rows: {i: kept[rows][:, number] for i, number in self.of.items()}

    def spread(self, shares: np.ndarray, divided: bool) -> dict[str, np.ndarray]:
        """(n, targets) → (*sample shape, targets) by input: to each element all of its player's share, or (`divided`)
        an equal part of it, so that elements sum to the share."""
        if divided:
            shares = shares / np.maximum(self.sizes, 1)[:, None]
        padded = np.concatenate([shares, np.zeros((1, shares.shape[1]))])
        return {i: padded[number] for i, number in self.of.items()}

    @property
    def sizes(self) -> np.ndarray:
        """Elements of each player."""
        total = np.zeros(self.n, dtype=np.int64)
        for number in self.of.values():
            total += np.bincount(number[number >= 0].ravel(), minlength=self.n)
        return total

    def where(self, elements: Mapping[str, np.ndarray]) -> Players:
        """The players with at least one of these elements, numbered anew; the others are never replaced."""
        found = np.zeros(self.n + 1, dtype=bool)
        for i, number in self.of.items():
            found[number[elements[i]]] = True
        found[-1] = False
        renumbered = np.where(found, np.cumsum(found) - 1, -1)
        return Players({i: renumbered[number] for i, number in self.of.items()}, int(found.sum()))


def find_players(
    segments: Any, x: Mapping[str, np.ndarray], sample: int, n_samples: int, axes: Mapping[str, Sequence[str]] = NO_NAMES
) -> Players:
    """`segments`, for all inputs or by input: None, cells per axis, "element", "slic", whole numbers in the shape of a
    sample (of its cut axes, or with a row per sample), or a function of a sample that gives them. Players of different
    inputs are different; elements with a negative number are never replaced. `axes`: names of a sample's axes by input, where they are known."""
    if isinstance(segments, Mapping) and (unknown := [k for k in segments if k not in x]):
        raise InputError(f"segments are given for inputs {unknown}; those that are changed are {list(x)}")
    of, n = {}, 0
    for i, values in x.items():
        given = segments.get(i) if isinstance(segments, Mapping) else segments
        labels = _labels(given, values, i, sample, n_samples, axes.get(i, ()))
        distinct, inverse = np.unique(np.where(labels < 0, -1, labels), return_inverse=True)
        number = inverse.reshape(values.shape) - int(distinct[0] < 0)
        of[i] = np.where(number < 0, -1, number + n)
        n += int((distinct >= 0).sum())
    return Players(of, n)


def same_for_all(segments: Any, n_samples: int, shapes: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the segments of one sample are those of every sample."""
    each = segments.values() if isinstance(segments, Mapping) else [segments]
    per_sample = [(n_samples, *s) for s in shapes.values()]
    return not any(callable(g) or (isinstance(g, str) and g == "slic") or np.shape(g) in per_sample for g in each)


def _labels(
    given: Any, x: np.ndarray, name: str, sample: int, n_samples: int, known: Sequence[str]
) -> np.ndarray:
    if given is None or (isinstance(given, (int, np.integer)) and not isinstance(given, bool)):
        return grid(x.shape, None if given is None else int(given), name, known)
    if isinstance(given, str):
        if given == "element":
            return np.arange(x.size).reshape(x.shape)
        if given == "none":
            return np.full(x.shape, -1)
        if given == "slic":
            return _slic(x, name, known)
        raise InputError(f"segments={given!r}: give a number, 'element', 'slic', an array or a function")
    labels = np.asarray(given(x) if callable(given) else given)
    if labels.dtype.kind not in "iu":
        raise InputError(f"segments of input {name!r} are whole numbers, got {labels.dtype}")
    if not callable(given) and labels.shape == (n_samples, *x.shape) and labels.shape != x.shape:
        labels = labels[sample]
    axes = cut_axes(x.shape, known)
    if labels.shape != x.shape and labels.shape == tuple(x.shape[a] for a in axes):
        labels = np.expand_dims(labels, tuple(a for a in range(x.ndim) if a not in axes))
    try:
        return np.broadcast_to(labels, x.shape)
    except ValueError as error:
        raise InputError(
            f"segments of input {name!r} have shape {labels.shape}, one sample has {x.shape}; {n_samples} samples may have "
            "their own on a first axis"
        ) from error


def grid(shape: tuple[int, ...], cells: int | None, name: str, known: Sequence[str] = ()) -> np.ndarray:
    """Cells of nearly equal size, `cells` along every cut axis; where nothing is asked for, each feature of a table."""
    if cells is not None and cells < 1:
        raise InputError(f"segments={cells} of input {name!r}: give a number of cells >= 1")
    axes = cut_axes(shape, known)
    number = np.zeros(shape, dtype=np.int64)
    for a in axes:
        size = shape[a]
        default = size if len(shape) == 1 else CELLS.get(len(axes), 2)
        along = min(size, default if cells is None else cells)
        at = np.arange(size) * along // size
        number = number * along + at.reshape([-1 if b == a else 1 for b in range(len(shape))])
    return number


def _slic(x: np.ndarray, name: str, known: Sequence[str]) -> np.ndarray:
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        raise MissingDependencyError(
            f"segments='slic' needs scikit-image, which cannot be imported ({error}): pip install scikit-image, or give a "
            "number of cells or an array"
        ) from error
    axes = cut_axes(x.shape, known)
    channels = [a for a in range(x.ndim) if a not in axes]
    if len(axes) != 2 or x.ndim > 3 or x.dtype.kind != "f":
        raise InputError(f"segments='slic' is for pictures; one sample of input {name!r} has shape {x.shape}")
    low, high = x.min(), x.max()
    labels = slic((x - low) / max(high - low, 1e-12), channel_axis=channels[0] if channels else None)
    return np.broadcast_to(np.expand_dims(labels, tuple(channels)), x.shape)
