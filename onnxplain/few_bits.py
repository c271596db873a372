"""Arrays of few bits (float8, int4 …), which numpy has from the package ml_dtypes, beside the numbers they hold."""

from __future__ import annotations

import re

import numpy as np

from .result.optional import optional

_NAME = re.compile(r"(bfloat16|float[48]_?e\w+|u?int[24])")


def is_of_few_bits(dtype: str) -> bool:
    """Whether an ONNX or numpy type's name is one of these."""
    return _NAME.fullmatch(dtype) is not None


def plain(array: np.ndarray) -> np.ndarray:
    """The same numbers in a type that numpy itself has."""
    if array.dtype.isbuiltin == 1 or not is_of_few_bits(array.dtype.name):
        return array
    wide = {"u": np.uint8, "i": np.int8}.get(array.dtype.name[0], np.float32)
    return array.astype(wide)


def packed(array: np.ndarray, dtype: str) -> np.ndarray:
    """The numbers in the type that an ONNX name ("float8e4m3fn", "uint4") means; as they are without ml_dtypes."""
    types = optional("ml_dtypes")
    name = dtype.replace("8e8m0", "8_e8m0fnu").replace("8e", "8_e").replace("4e2m1", "4_e2m1fn")
    return array.astype(getattr(types, name)) if hasattr(types, name) else array
