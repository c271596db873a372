"""Constants and casts that the writers of ai.onnx.ml operators share."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from ..body import Body

DOMAIN = "ai.onnx.ml"
#: of operators that no standard has
OWN = "onnxplain"


def floats(b: Body, values: Any) -> str:
    """A constant of floats: attributes of this domain are single-precision numbers."""
    return b("Constant", value=numpy_helper.from_array(np.asarray(values, np.float32)))


def integers(b: Body, values: Any) -> str:
    return b("Constant", value=numpy_helper.from_array(np.asarray(values, np.int64)))


def texts(b: Body, values: Any) -> str:
    return b("Constant", value=numpy_helper.from_array(np.asarray(values, object)))


def elem_type(b: Body, i: int) -> int:
    """The element type of an input, 0 where it is not known."""
    t = b.types.get(b.input(i))
    return 0 if t is None else t.elem_type


def as_floats(b: Body, i: int = 0) -> str:
    """An input as floats."""
    x = b.input(i)
    return x if elem_type(b, i) in (0, TensorProto.FLOAT) else b("Cast", x, to=TensorProto.FLOAT)


def text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
