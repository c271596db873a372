"""Shapes, indices, comparisons and logic."""

from __future__ import annotations

import numpy as np

from .cases_routing import BOOL, FLOAT, INT32, INT64, UINT8, i, scalar
from .harness import C, Case, normal

X = normal(2, 3, 4)
INTS = np.arange(12, dtype=np.int64).reshape(3, 4) - 5
SOME = np.array([[1, 0, -5, 3], [2, 2, 2, 2], [0, 0, 1, 0]], dtype=np.int64)
YES = normal(3, 4, seed=1) > 0
NO = normal(4, seed=2) > 0
ODD = np.array([1, np.inf, -np.inf, np.nan, -2], np.float32)
BYTES = np.array([1, 7, 200, 255], np.uint8)
TIES = np.array([[1, 3, 3], [2, 2, 0]], np.float32)

CASES = [
    Case("Shape", [X], opset=7),
    Case("Shape", [X], {"start": -2, "end": 3}, opset=15, note="part"),
    Case("Shape", [INTS], {"start": 1}, opset=21, note="integers"),
    Case("Shape", [np.float32(1)], note="of a scalar"),
    Case("Size", [X]),
    Case("Hold", [X], domain="onnxplain", note="not of ONNX", ort=False, differentiable=False),
    *(Case("Cast", [9 * X], {"to": to}, opset=25, note=f"few bits {to} are not numpy's", ort=False) for to in (21, 22, 25, 26)),
    Case("ReduceMax", [NO[:0].reshape(2, 0), C(i(1))], opset=20, note="of no truth values", ort=False),
    Case("ReduceMin", [INTS[:, :0], C(i(1))], opset=20, note="of no integers", ort=False),
    Case("ConstantOfShape", [i(2, 3)], opset=9),
    Case("ConstantOfShape", [C(i(2))], note="constant shape"),
    Case("Range", [scalar(1), scalar(9), C(scalar(3))], opset=11),
    Case("Range", [scalar(5), C(scalar(-3)), C(scalar(-2))], note="backwards"),
    Case("Range", [C(np.float32(0.5)), np.float32(3), C(np.float32(0.7))], note="floats"),
    Case("Range", [scalar(3), scalar(1), scalar(1)], note="empty"),
    Case("EyeLike", [X[0]], {"k": 1}),
    Case("EyeLike", [X[0]], {"k": -1, "dtype": INT64}, note="integers"),
    Case("Equal", [INTS, C(SOME)], opset=7),
    Case("Equal", [X, C(X[0] * (INTS > 0))], opset=13, note="floats"),
    Case("Equal", [YES, NO], opset=13, note="booleans"),
    Case("Less", [X, normal(4, seed=4)], opset=9),
    Case("LessOrEqual", [INTS, SOME], opset=12),
    Case("Greater", [C(np.float32(0.1)), X], opset=9),
    Case("GreaterOrEqual", [INTS, C(scalar(2))], opset=16),
    Case("And", [YES, NO], opset=7),
    Case("Or", [YES, C(NO)], opset=7),
    Case("Xor", [YES, NO], opset=7),
    Case("Not", [YES]),
    Case("ArgMax", [X], {"axis": 1}, opset=7),
    Case("ArgMax", [X], {"axis": -1, "keepdims": 0}, opset=13),
    Case("ArgMax", [TIES], {"axis": 1}, opset=13, note="ties"),
    Case("ArgMax", [TIES], {"axis": 1, "select_last_index": 1}, opset=13, note="last of ties"),
    Case("ArgMin", [INTS.astype(np.int32)], {"axis": 0, "keepdims": 0}, opset=13, note="integers"),
    Case("ArgMin", [TIES], {"axis": 0, "select_last_index": 1}, opset=12, note="last"),
    Case("NonZero", [SOME]),
    Case("NonZero", [X * (X > 0)], note="floats"),
    Case("NonZero", [np.array(True)], note="scalar"),
    Case("IsNaN", [ODD]),
    Case("IsInf", [ODD]),
    Case("IsInf", [ODD], {"detect_positive": 0}, note="negative"),
    Case("IsInf", [ODD], {"detect_negative": 0}, note="positive"),
    Case("BitShift", [BYTES, C(np.array([1], np.uint8))], {"direction": "LEFT"}, note="left"),
    Case("BitShift", [BYTES, np.array([0, 1, 3, 7], np.uint8)], {"direction": "RIGHT"}, note="right"),
    Case("BitwiseAnd", [SOME, INTS], opset=18),
    Case("BitwiseOr", [SOME, C(scalar(6))], opset=18),
    Case("BitwiseXor", [SOME, INTS[0]], opset=18),
    Case("BitwiseNot", [BYTES], opset=18),
    Case("Mod", [INTS, C(scalar(3))], opset=10),
    Case("Mod", [INTS, C(scalar(-3))], {"fmod": 1}, opset=13, note="fmod"),
    Case("Mod", [INTS, C(scalar(-3))], opset=13, note="negative divisor"),
    Case("Cast", [X * 3], {"to": INT64}, note="float to int"),
    Case("Cast", [X * (X > 0)], {"to": BOOL}, note="float to bool"),
    Case("Cast", [INTS], {"to": FLOAT}, note="int to float"),
    Case("Cast", [INTS], {"to": INT32}, note="int to int"),
    Case("Cast", [YES], {"to": FLOAT}, opset=9, note="bool to float"),
    Case("Cast", [np.abs(X) * 3], {"to": UINT8}, opset=21, note="float to uint8"),
    Case("CastLike", [X * 3, C(scalar(0))], note="float to int"),
    Case("CastLike", [INTS, normal(2)], note="int to float"),
    Case("CastLike", [INTS, YES], note="int to bool"),
]
