"""Predictors of plain functions: arrays in, arrays out, samples on axis 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..data import by_input
from ..errors import InputError
from ..specs import Spec, input_labels, labels_for
from .predictor import Arrays, Predictor

#: rows of one call, where their size lets it
ROWS = 1024


def from_function(
    function: Callable[..., Any], data: Any, name: str, of_inputs: Any = None, of_outputs: Any = None
) -> Predictor:
    """`function` is called with what `data` is: an array, a dict, a tuple (positional arguments), a DataFrame."""
    if data is None:
        raise InputError(f"{name} is a function: its inputs are only known from data")
    if isinstance(data, Mapping):
        arrays = {str(k): _array(x) for k, x in data.items()}
    elif isinstance(data, tuple):
        arrays = {f"input_{i + 1}": _array(x) for i, x in enumerate(data)}
    else:
        arrays = {"input": _array(data)}
    if not arrays or any(x.ndim == 0 or not x.size for x in arrays.values()):
        raise InputError(f"{name} needs arrays with samples on axis 0, got shapes {[x.shape for x in arrays.values()]}")
    given = labels_for(of_inputs, list(arrays), "input_labels")
    specs = {}
    for n, x in arrays.items():
        labels = input_labels(given.get(n), n, x.shape[1:])
        specs[n] = Spec(n, (None, *x.shape[1:]), "string" if x.dtype == object else str(x.dtype), labels=labels)
    units: dict[str, Any] = {}
    if of_outputs is not None:
        units = dict(of_outputs) if isinstance(of_outputs, Mapping) else {"output": tuple(map(str, of_outputs))}

    def forward(feeds: Arrays) -> dict[str, np.ndarray]:
        if isinstance(data, Mapping):
            return _named(function({k: _like(data[k], feeds[str(k)]) for k in data}))
        if isinstance(data, tuple):
            return _named(function(*(_like(d, feeds[n]) for d, n in zip(data, arrays, strict=True))))
        return _named(function(_like(data, feeds["input"])))

    return Predictor(
        name=name,
        inputs=specs,
        forward=forward,
        read=_read,
        labels=units,
        most=ROWS,
    )


def _read(specs: Mapping[str, Spec], data: Any, what: str) -> dict[str, np.ndarray]:
    arrays = {n: _array(x) for n, x in by_input(specs, data, what).items()}
    for n, x in arrays.items():
        s = specs[n]
        if x.ndim != len(s.shape) or x.shape[1:] != s.shape[1:]:
            raise InputError(f"input {n!r} has rows of shape {s.shape[1:]}; {what} has shape {x.shape}")
        if s.dtype != "string":
            if not np.can_cast(x.dtype, s.dtype, "same_kind"):
                raise InputError(f"input {n!r} holds {s.dtype}, {what} holds {x.dtype}: convert one of them")
            arrays[n] = x.astype(s.dtype)
    counts = {n: len(x) for n, x in arrays.items()}
    if len(set(counts.values())) > 1:
        raise InputError(f"the inputs of {what} have different numbers of samples: {counts}")
    return arrays


def _array(x: Any) -> np.ndarray:
    if hasattr(x, "columns") and hasattr(x, "to_numpy"):
        x = x.to_numpy()
    array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    return array.astype(object) if array.dtype.kind not in "iufb" else array


def _like(given: Any, rows: np.ndarray) -> Any:
    """Rows in the form of the data: a table keeps its columns and their types."""
    if hasattr(given, "columns") and hasattr(given, "astype"):
        return type(given)(rows, columns=given.columns).astype(given.dtypes.to_dict())
    return rows


def _named(y: Any) -> dict[str, np.ndarray]:
    if isinstance(y, Mapping):
        return {str(k): _array(v) for k, v in y.items()}
    if isinstance(y, tuple):
        return {f"output_{i + 1}": _array(v) for i, v in enumerate(y)}
    return {"output": _array(y)}
