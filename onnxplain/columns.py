"""Tables whose columns are a model's inputs, and text as the codes that a model computes with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import InputError
from .frontend.strings import Lexicon, codes
from .specs import Spec


def is_table(data: Any) -> bool:
    """A DataFrame, or anything that has its columns."""
    return hasattr(data, "columns") and hasattr(data, "to_numpy")


def by_column(specs: Mapping[str, Spec], frame: Any, what: str) -> dict[str, np.ndarray]:
    """One column per input, by name, (N, 1) where the input has two axes; other columns are not read."""
    names = {str(c): c for c in frame.columns}
    if absent := [n for n in specs if n not in names]:
        raise InputError(f"{what} has no columns {absent}, which are inputs of the model; it has {list(names)}")
    return {n: _column(s, frame, names[n], what) for n, s in specs.items()}


def _column(spec: Spec, frame: Any, name: Any, what: str) -> np.ndarray:
    values = np.asarray(frame[[name]].to_numpy()).reshape(-1)
    if spec.sample_shape not in ((), (1,), (None,)):
        raise InputError(
            f"input {spec.name!r} wants {spec.described()}, not the one column that {what} has of this name"
        )
    if spec.dtype == "string":
        column: np.ndarray = np.array([_text(v, spec, what) for v in values.tolist()], dtype=object)
    else:
        column = _numbers(spec, values, what)
    return column.reshape(-1, *[1] * len(spec.sample_shape))


def _numbers(spec: Spec, values: np.ndarray, what: str) -> np.ndarray:
    """In the kind of numbers that the input holds: whole numbers may be given as floats, as pandas does, and the other
    way round."""
    try:
        numbers = values if values.dtype.kind in "iubf" else values.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"column {spec.name!r} of {what} holds {values.dtype}: input {spec.name!r} wants {spec.dtype}"
        ) from error
    if spec.floating:
        return numbers.astype(np.float64)
    if spec.dtype == "bool":
        return numbers.astype(bool)
    whole = numbers.astype(np.int64) if np.isfinite(numbers).all() else np.zeros(0, np.int64)
    if not np.array_equal(whole, numbers):
        raise InputError(
            f"column {spec.name!r} of {what} holds missing values or fractions: input {spec.name!r} wants {spec.dtype}"
        )
    return whole


def _text(value: Any, spec: Spec, what: str) -> Any:
    if not isinstance(value, (str, bytes)):
        raise InputError(
            f"column {spec.name!r} of {what} holds {value!r}, which is no text: fill missing ones with the text that the model "
            "was trained on, convert numbers with astype(str)"
        )
    return value


def as_codes(spec: Spec, data: Any, what: str) -> np.ndarray:
    """The codes of an array of texts; codes themselves pass."""
    array = texts(data)
    if array.dtype.kind in "iu" or (array.dtype.kind == "f" and not array.any()):
        return array.astype(np.int64)
    if array.dtype.kind not in "OUST" or not all(isinstance(t, (str, bytes)) for t in array.reshape(-1).tolist()):
        raise InputError(
            f"input {spec.name!r} wants text, {what} holds {array.dtype}: convert it with astype(str) if that is meant"
        )
    return spec.texts.codes(array) if isinstance(spec.texts, Lexicon) else codes(array)


def texts(data: Any) -> np.ndarray:
    """Texts in any form as an array."""
    if is_table(data):
        data = data.to_numpy()
    array = data.cpu().numpy() if hasattr(data, "cpu") else np.asarray(data)
    return array.astype(object) if array.dtype.kind == "T" or hasattr(data, "categories") else array


def own_texts(specs: Mapping[str, Spec], given: Mapping[str, Any]) -> dict[int, str]:
    """code → text of the data's own texts: an output may hand them on."""
    return Lexicon(
        t for n, s in specs.items() if s.dtype == "string" for t in np.unique(texts(given[n]).astype(str)).tolist()
    )
