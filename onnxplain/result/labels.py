"""Labels as JSON: texts, numbers and None as they are; dates and tuples as {kind: value}."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np

from ..errors import InputError


def pack_label(label: Any) -> Any:
    """What `json.dumps` takes; `InputError` for a label it could not give back."""
    if isinstance(label, np.datetime64):
        return {"datetime64": str(label), "unit": np.datetime_data(label.dtype)[0]}
    if isinstance(label, np.generic):
        return pack_label(label.tolist())
    if label is None or isinstance(label, (str, bool, int, float)):
        return label
    if isinstance(label, (tuple, list)):
        return {"tuple": [pack_label(v) for v in label]}
    if isinstance(label, datetime.datetime):
        return {"datetime": label.isoformat()}
    if isinstance(label, datetime.date):
        return {"date": label.isoformat()}
    raise InputError(f"cannot save the label {label!r} of type {type(label).__name__}; use a text or a number")


def unpack_label(label: Any) -> Any:
    if not isinstance(label, dict):
        return label
    match label:
        case {"tuple": values}:
            return tuple(unpack_label(v) for v in values)
        case {"datetime": text}:
            return datetime.datetime.fromisoformat(text)
        case {"date": text}:
            return datetime.date.fromisoformat(text)
        case {"datetime64": text, "unit": unit}:
            return np.datetime64(text, unit)
    raise InputError(f"a label of an unknown kind: {label!r}")
