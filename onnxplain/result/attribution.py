"""Attribution: the relevance of one input (or internal value) for the targets of one output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import InputError

#: places on an axis, up to which their numbers are kept from one attribution to the next
KEPT = 2**12


def _counted(n: int) -> tuple[int, ...]:
    return _few(n) if n <= KEPT else tuple(range(n))


@lru_cache(maxsize=16)
def _few(n: int) -> tuple[int, ...]:
    return tuple(range(n))


@dataclass(frozen=True, eq=False, repr=False)
class Attribution:
    """values[sample, *input axes, target], with a name for every axis and a label for every place on it.

    `labels` holds the coordinates of every axis in `dims`; an axis that came without any counts 0 … n-1.
    `connected=False`: this input cannot reach this output, and the values are zeros.
    `data`: the input's own values (samples, *input axes), for plots and tables.
    """

    values: np.ndarray
    dims: tuple[str, ...]
    labels: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    input: str = "input"
    output: str = "output"
    connected: bool = True
    data: np.ndarray | None = None

    def __post_init__(self) -> None:
        values, dims, given = np.asarray(self.values), tuple(self.dims), self.labels
        shape = values.shape
        if len(dims) != len(shape) or len(set(dims)) != len(dims):
            raise self._wrong(f"values of shape {shape} need {len(shape)} different axis names, got {dims}")
        if len(dims) < 2 or dims[0] != "sample" or dims[-1] != "target":
            raise self._wrong(f"axes are ('sample', …, 'target'), got {dims}")
        labels = {d: tuple(given[d]) if d in given else _counted(n) for d, n in zip(dims, shape, strict=True)}
        if stray := [d for d in given if d not in labels]:
            raise self._wrong(f"labels for {stray}, but the axes are {dims}")
        for (d, places), n in zip(labels.items(), shape, strict=True):
            if len(places) != n:
                raise self._wrong(f"{len(places)} labels for the {n} places of axis {d!r}")
        if self.data is not None and len(self.data) != shape[0]:
            raise self._wrong(f"{len(values)} samples, but data of shape {np.shape(self.data)}")
        vars(self).update(values=values, dims=dims, labels=labels)

    def _wrong(self, what: str) -> InputError:
        return InputError(f"attribution of {self.input!r}: {what}")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.values.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        axes = ", ".join(f"{d}: {n}" for d, n in zip(self.dims, self.shape, strict=True))
        reach = "" if self.connected else ", not connected"
        return f"Attribution({self.input!r} → {self.output!r}, {axes}, {self.values.dtype}{reach})"
