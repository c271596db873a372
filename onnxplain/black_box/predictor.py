"""Predictor: what black-box methods call — arrays by input in, arrays by output out, samples first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ..data import by_input, frame_labels, to_tensor
from ..errors import InputError
from ..specs import Spec

Arrays = Mapping[str, np.ndarray]

#: what a forward pass needs beside its inputs, in units of them, where nothing is known of the model
UNKNOWN = 32
#: rows of one forward pass where nothing is known of what they need
MOST_ROWS = 64


@dataclass(frozen=True, eq=False)
class Predictor:
    """`forward(feeds)`: outputs for rows of feeds, in native form (`axes`: each output's sample axis; 0 where unknown).

    `read(specs, data, what)`: checked arrays by input, samples first; those without a sample axis as they are.
    `labels`: of the outputs' units. `need`: bytes for one row, `most` rows at once; `fixed`: the number of rows the model insists on.
    """

    name: str
    inputs: Mapping[str, Spec]
    forward: Callable[[Arrays], dict[str, np.ndarray]]
    read: Callable[[Mapping[str, Spec], Any, str], dict[str, np.ndarray]]
    axes: Mapping[str, int | None] = field(default_factory=dict)
    labels: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dtype: type = np.float64
    need: int | None = None
    most: int = MOST_ROWS
    fixed: int | None = None

    @property
    def held(self) -> tuple[str, ...]:
        """Inputs that are the same for all rows: settings without a sample axis."""
        return tuple(n for n, s in self.inputs.items() if s.batch_axis is None and not s.floating)

    def rows_at_once(self) -> int | None:
        """The number of rows the model insists on; 1 where a floating input has no sample axis."""
        alone = any(s.batch_axis is None and s.floating for s in self.inputs.values())
        return 1 if alone else self.fixed

    def outputs(self, feeds: Arrays) -> dict[str, np.ndarray]:
        """Outputs for any number of rows, samples first."""
        n = next(len(x) for i, x in feeds.items() if i not in self.held) if len(self.held) < len(feeds) else 1
        size = self.rows_at_once() or n
        found: dict[str, list[np.ndarray]] = {}
        for start in range(0, n, size):
            real = min(size, n - start)
            rows = np.minimum(np.arange(start, start + size), n - 1)  # filled up with the last row
            part = {i: x if i in self.held else x if size == n else x[rows] for i, x in feeds.items()}
            for o, y in self.forward({i: self._native(i, x) for i, x in part.items()}).items():
                found.setdefault(o, []).append(self._first(o, y, size)[:real])
        return {o: p[0] if len(p) == 1 else np.concatenate(p) for o, p in found.items()}

    def feeds(self, data: Any) -> tuple[dict[str, np.ndarray], int]:
        """(arrays by input: samples first, of those without a sample axis a view with one; the number of samples)."""
        arrays = self.read(self.inputs, data, "data")
        n = next((len(x) for i, x in arrays.items() if self.inputs[i].batch_axis is not None), 1)
        return {
            i: np.broadcast_to(x, (n, *x.shape)) if self.inputs[i].batch_axis is None and i not in self.held else x
            for i, x in arrays.items()
        }, n

    def native_output(self, o: str, y: np.ndarray) -> np.ndarray:
        axis = self.axes.get(o, 0)
        return y[0] if axis is None else np.moveaxis(y, 0, axis)

    def _native(self, i: str, x: np.ndarray) -> np.ndarray:
        axis = self.inputs[i].batch_axis
        return x if axis == 0 or i in self.held else x[0] if axis is None else np.moveaxis(x, 0, axis)

    def _first(self, o: str, y: np.ndarray, rows: int) -> np.ndarray:
        axis = self.axes.get(o, 0)
        if axis is None or (rows == 1 and (y.ndim <= axis or y.shape[axis] != 1)):
            y, axis = y[None], 0
        if y.ndim <= axis or y.shape[axis] != rows:
            raise InputError(f"output {o!r} of {self.name} has shape {y.shape} for {rows} rows: axis {axis} should hold them")
        return np.moveaxis(y, axis, 0)


def read_arrays(specs: Mapping[str, Spec], data: Any, what: str, dtype: torch.dtype) -> dict[str, np.ndarray]:
    """Checked arrays for the inputs of an ONNX model, samples first; text as objects."""
    arrays = {}
    for n, x in by_input(specs, data, what).items():
        s = specs[n]
        if s.dtype != "string":
            arrays[n] = to_tensor(s, x, dtype, what).cpu().numpy()
            continue
        text = np.asarray(x, dtype=object)
        if s.rank_known and text.ndim != len(s.shape):
            raise InputError(f"input {n!r} wants {len(s.shape)} axes, {s.described()}; {what} has shape {text.shape}")
        arrays[n] = np.moveaxis(text, s.batch_axis, 0) if s.batch_axis else text
    counts = {n: len(x) for n, x in arrays.items() if specs[n].batch_axis is not None}
    if len(set(counts.values())) > 1:
        raise InputError(f"the inputs of {what} have different numbers of samples: {counts}")
    return arrays


def input_labels_of(specs: Mapping[str, Spec], data: Any) -> dict[str, dict[str, tuple[str, ...]]]:
    """Labels by input and axis: the input's own, else a table's columns."""
    out = {}
    for n, x in by_input(specs, data).items():
        columns = frame_labels(x, specs[n])
        out[n] = dict(specs[n].labels) if columns is None else {**specs[n].labels, "feature": columns}
    return out
