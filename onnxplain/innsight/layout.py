"""Data as innsight takes them → feeds as the model reads them, and attributions back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import InputError
from ..model import Model
from .converter import Converter, channels_last

Feeds = dict[str, np.ndarray]


def feeds_of(conv: Converter, model: Model, data: Any, channels_first: bool, what: str = "data") -> Feeds:
    """Arrays by input name. `data`: one array, table or tensor; a list or tuple of these, or a dict, for several."""
    names = list(model.inputs)
    if isinstance(data, Mapping):
        each = [data[n] if n in data else data.get(f"Input_{k}") for k, n in enumerate(names, 1)]
    elif len(names) == 1:
        listed = isinstance(data, (list, tuple)) and len(data) == 1 and np.ndim(data[0]) == len(conv.input_dim[0]) + 1
        each = [data[0]] if listed else [data]
    else:
        each = list(data) if isinstance(data, (list, tuple)) else [data]
    if len(each) != len(names) or any(x is None for x in each):
        raise InputError(f"{what} has {len(each)} entries: the model has {len(names)} inputs, {names}")
    out = {}
    for name, x, dim in zip(names, each, conv.input_dim, strict=True):
        array = numbers(x, what)
        shape = dim if channels_first or len(dim) == 1 else (*dim[1:], dim[0])
        if array.shape[1:] != shape or array.ndim != len(shape) + 1:
            raise InputError(
                f"{what} for input {name!r} has shape {array.shape}, the model wants (samples, "
                f"{', '.join(map(str, shape))}); channels_first is {channels_first}"
            )
        out[name] = to_model(array, channels_first, model, name)
    return out


def numbers(x: Any, what: str) -> np.ndarray:
    if hasattr(x, "detach"):
        x = x.detach().cpu().numpy()
    if hasattr(x, "columns") and hasattr(x, "to_numpy"):
        x = x.to_numpy()
    try:
        return np.asarray(x).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{what} is no array of numbers: {error}") from error


def to_model(x: np.ndarray, channels_first: bool, model: Model, name: str) -> np.ndarray:
    last = channels_last(model.inputs[name])
    if x.ndim == 2 or channels_first != last:
        return x
    return np.moveaxis(x, 1, -1) if channels_first else np.moveaxis(x, -1, 1)


def from_model(values: np.ndarray, channels_first: bool, model: Model, name: str) -> np.ndarray:
    """Attributions (samples, …, targets) in the layout of the data."""
    last = channels_last(model.inputs[name])
    if values.ndim == 3 or channels_first != last:
        return values
    return np.moveaxis(values, -2, 1) if channels_first else np.moveaxis(values, 1, -2)
