"""Layers of the ai.onnx.ml domain: steps, look-ups, and values that are filled in. Its other operators are written as
parts: tests/engine/test_ml_operators.py and test_trees.py have them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .harness import Case, normal

X = 2 * normal(3, 4, seed=5)
TENTHS = np.round(X, 1)
INTS = np.array([[3, 1], [2, 7]], np.int64)


def ml(op: str, x: np.ndarray, note: str, version: int = 1, **attributes: Any) -> Case:
    """A step, whose derivative is 0 by what the layer says: autograd does not pass a comparison."""
    return Case(
        op, [x], attributes, domain="ai.onnx.ml", version=version, note=note, differentiable=x.dtype.kind != "f"
    )


CASES = [
    ml("Binarizer", TENTHS, "a tenth", threshold=0.1),
    ml("Imputer", TENTHS, "a number", imputed_value_floats=[9.0], replaced_value_float=float(TENTHS[0, 0])),
    ml("Imputer", INTS, "an integer", imputed_value_int64s=[5], replaced_value_int64=7),
    ml("OneHotEncoder", INTS, "integers", cats_int64s=[1, 3, 7], zeros=1),
    ml("LabelEncoder", INTS, "integers to floats", 2, keys_int64s=[3, 1, 1], values_floats=[0.5, 1.5, 9.0], default_float=-1.0),
    ml("LabelEncoder", INTS, "integers to integers", 2, keys_int64s=[3, 1], values_int64s=[5, 6], default_int64=-1),
    ml("LabelEncoder", TENTHS, "floats to floats", 2, keys_floats=[float(TENTHS[0, 0]), 0.1], values_floats=[1.0, 2.0], default_float=0.25),
    ml("LabelEncoder", TENTHS, "floats to integers", 2, keys_floats=[float(TENTHS[1, 2])], values_int64s=[4], default_int64=0),
]  # fmt: skip
