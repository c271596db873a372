"""Operators that move values. `i(...)` is an int64 tensor; C(...) makes an input constant."""

from __future__ import annotations

import numpy as np

from .harness import C, Case, normal

INT_MAX, INT_MIN = 2**63 - 1, -(2**63)


def i(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def scalar(value: int) -> np.ndarray:
    return np.array(value, dtype=np.int64)


X = normal(2, 3, 4)
IMAGE = normal(2, 3, 5, 6)
INTS = np.arange(24, dtype=np.int64).reshape(2, 3, 4) - 7
MASK = normal(2, 3, 4, seed=5) > 0
FLOAT, DOUBLE, INT32, INT64, BOOL, UINT8 = 1, 11, 6, 7, 9, 2

SAME = [
    Case("Identity", [X]),
    Case("Identity", [INTS], note="integers"),
    Case("Dropout", [X], {"ratio": 0.4}, opset=7),
    Case("Dropout", [X], {"ratio": 0.4}, opset=10, n_outputs=2, note="with mask"),
    Case("Dropout", [X], {"ratio": 0.4}, opset=7, n_outputs=2, note="with mask"),
    Case("Dropout", [X, C(np.float32(0.3)), C(np.array(False))], opset=13, n_outputs=2, note="with mask"),
    Case("Dropout", [X, C(np.float32(0)), C(np.array(True))], opset=13, n_outputs=2, note="training drops nothing"),
    Case("Dropout", [X, C(np.float32(0.5)), np.array(False)], opset=22, note="training mode computed"),
    Case("Dropout", [X, np.float32(0), np.array(True)], opset=13, note="ratio computed"),
    Case("Cast", [X], {"to": FLOAT}),
    Case("Cast", [normal(3, 4).astype(np.float64)], {"to": FLOAT}, note="double to float"),
    Case("CastLike", [X, C(np.zeros(1, np.float32))], note="float to float"),
    Case("CastLike", [X, normal(1)], note="float to float like a value"),
]

RESHAPE = [
    Case("Reshape", [X, C(i(6, 4))], opset=7),
    Case("Reshape", [X, C(i(0, -1))], note="zero and rest"),
    Case("Reshape", [X, C(i(4, 0, 2))], note="zero in the middle"),
    Case("Reshape", [normal(2, 0, 3), C(i(3, 0, 7))], {"allowzero": 1}, note="allowzero", differentiable=False),
    Case("Reshape", [normal(2, 0, 3), C(i(0, -1))], note="rest of nothing", ort=False, differentiable=False),
    Case("Reshape", [X, i(-1, 8)], note="shape computed"),
    Case("Reshape", [C(X), i(-1, 8)], note="constant data and shape computed"),
    Case("Reshape", [normal(1), C(np.zeros(0, np.int64))], note="to a scalar"),
    Case("Reshape", [np.float32(1.5), C(i(-1))], note="from a scalar"),
    Case("Reshape", [INTS, C(i(-1))], opset=21, note="integers"),
    *(Case("Flatten", [IMAGE], {"axis": a}, opset=11, note=f"axis {a}") for a in (0, 1, 2, 4, -1, -3)),
    Case("Flatten", [X], opset=7),
    Case("Squeeze", [normal(1, 3, 1, 2)], {"axes": [0, 2]}, opset=7),
    Case("Squeeze", [normal(1, 3, 1, 2)], opset=11, note="all"),
    Case("Squeeze", [normal(1, 3, 1, 2), C(i(-2))], opset=13),
    Case("Squeeze", [normal(1, 3, 1, 2), i(0, -2)], opset=13, note="axes computed"),
    Case("Squeeze", [i(4)], opset=13, note="an integer to a scalar"),
    Case("Unsqueeze", [X], {"axes": [0, 3]}, opset=7),
    Case("Unsqueeze", [X], {"axes": [-1]}, opset=11),
    Case("Unsqueeze", [X, C(i(-1, 0, 2))], opset=13),
    Case("Unsqueeze", [X, i(1)], opset=13, note="axes computed"),
    Case("Unsqueeze", [scalar(4), C(i(0))], opset=21, note="an integer scalar"),
]

TRANSPOSE = [
    Case("Transpose", [X], {"perm": [2, 0, 1]}),
    Case("Transpose", [X], opset=21, note="reversed"),
    Case("Transpose", [INTS], {"perm": [1, 0, 2]}, note="integers"),
    Case("DepthToSpace", [normal(2, 12, 3, 2)], {"blocksize": 2}, opset=7),
    Case("DepthToSpace", [normal(2, 12, 3, 2)], {"blocksize": 2, "mode": "DCR"}, opset=11, note="DCR"),
    Case("DepthToSpace", [normal(2, 12, 3, 2)], {"blocksize": 2, "mode": "CRD"}, opset=13, note="CRD"),
    Case("SpaceToDepth", [normal(2, 3, 6, 4)], {"blocksize": 2}, opset=13),
]

CONCAT = [
    Case("Concat", [X, normal(2, 5, 4, seed=1)], {"axis": 1}, opset=7),
    Case("Concat", [X, normal(2, 3, 1, seed=1), normal(2, 3, 2, seed=2)], {"axis": -1}),
    Case("Concat", [C(normal(2, 1, 4)), X, C(normal(2, 2, 4)), normal(2, 3, 4, seed=1)], {"axis": 1}, note="constants"),
    Case("Concat", [i(2), C(i(-1)), i(4)], {"axis": 0}, note="integers"),
    Case("Split", [X], {"axis": 2}, opset=11, n_outputs=2, note="equal"),
    Case("Split", [IMAGE], {"axis": -1, "split": [1, 3, 2]}, opset=7, n_outputs=3, note="sizes"),
    Case("Split", [IMAGE, C(i(1, 3, 2))], {"axis": -1}, opset=13, n_outputs=3, note="sizes"),
    Case("Split", [IMAGE, i(4, 1)], {"axis": 2}, opset=13, n_outputs=2, note="sizes computed"),
    Case("Split", [IMAGE], {"axis": 2, "num_outputs": 2}, opset=18, n_outputs=2, note="unequal"),
    Case("Split", [INTS], {"axis": 1}, opset=13, n_outputs=3, note="integers"),
]


def sliced(note: str, *ranges: list[int]) -> Case:
    """Slice of IMAGE with constant starts, ends, axes and perhaps steps."""
    return Case("Slice", [IMAGE, *(C(i(*r)) for r in ranges)], note=note)


SLICE = [
    Case("Slice", [IMAGE], {"starts": [1, -3], "ends": [3, INT_MAX], "axes": [1, 3]}, opset=7),
    Case("Slice", [X], {"starts": [0, 1], "ends": [1, -1]}, opset=9, note="no axes"),
    Case("Slice", [X, C(i(0, 1)), C(i(1, -1))], opset=10, note="no axes"),
    sliced("negative", [0, -4], [INT_MAX, -1], [-2, 3]),
    sliced("steps", [1, 0], [5, 6], [2, 3], [2, 3]),
    sliced("backwards", [-1, 4], [INT_MIN, 0], [3, 2], [-1, -2]),
    sliced("backwards and forwards", [4, 1], [1, 3], [2, 1], [-1, 1]),
    sliced("one step beyond", [1], [INT_MAX], [2], [7]),
    Case("Slice", [X, C(i(3)), C(i(1)), C(i(1))], note="empty", differentiable=False),
    Case("Slice", [INTS, C(i(1)), C(i(2)), C(i(0))], note="integers"),
    Case("Slice", [X, i(0), i(2), C(i(1))], note="ends computed"),
    Case("Slice", [C(normal(1, 9, 4)), C(i(0)), i(5), C(i(1)), C(i(1))], note="of a constant"),
    Case("Slice", [X, i(2, 0), i(-9, 3), i(1, 2), i(-1, 2)], note="all computed"),
    Case("Slice", [i(5, 6, 7, 8), C(i(1)), C(i(3))], note="of a shape"),
]

PAIRS = np.array([[[[0], [1]], [[3], [3]], [[4], [-5]]]] * 2)
DISTINCT = np.array([[[0, -1, 1, 1]], [[2, 2, 0, 1]]])

GATHER = [
    Case("Gather", [X, C(i(2, 0, 2, 2, -1))], {"axis": 1}, opset=7, note="repeated"),
    Case("Gather", [X, C(np.array([[0, 3], [3, 1]]))], {"axis": -1}, note="matrix of indices"),
    Case("Gather", [X, C(scalar(0))], {"axis": 1}, note="scalar index"),
    Case("Gather", [X, C(scalar(-1))], {"axis": 2}, note="negative scalar index"),
    Case("Gather", [X, i(1, 1, -2)], {"axis": 1}, note="indices computed"),
    Case("Gather", [X, scalar(-1)], {"axis": 0}, note="scalar index computed"),
    Case("Gather", [C(normal(7, 4)), np.array([[1, 6, -1], [0, 1, 1]])], note="embedding"),
    Case("Gather", [C(normal(7, 4)), np.array([[1, 6, 2]], dtype=np.int32)], note="embedding int32"),
    Case("Gather", [i(3, 4, 5), C(scalar(1))], note="of a shape"),
    Case("Gather", [i(3, 4, 5), C(i(-1))], note="of a shape from its end"),
    Case("GatherElements", [X, C(DISTINCT)], {"axis": 1}),
    Case("GatherElements", [X, np.array([[[0, -1], [3, 3]], [[2, 2], [0, 1]]])], {"axis": -1}, note="computed"),
    Case("GatherND", [X, C(np.array([[0, 1], [1, -1], [0, 1]]))], opset=12),
    Case("GatherND", [X, np.array([[[0, 1, 2]], [[1, 2, -1]]])], opset=12, note="whole tuples computed"),
    Case("GatherND", [IMAGE, np.array([[0, -1], [2, 2]])], {"batch_dims": 1}, opset=13, note="batch"),
    Case("GatherND", [IMAGE, PAIRS], {"batch_dims": 2}, opset=13, note="two batch axes"),
    Case("GatherND", [INTS, C(np.array([[0, 1]]))], opset=12, note="integers"),
    Case("GatherND", [X, i(1, 2, 0)], opset=12, note="one element"),
]

REPEATED = np.array([[[1, 1, 1], [1, 0, 0]], [[0, 0, -1], [0, 1, -1]]])
ADD = {"reduction": "add"}

SCATTER = [
    Case("ScatterElements", [X, C(DISTINCT), normal(2, 1, 4, seed=1)], {"axis": 1}, opset=11),
    Case("ScatterElements", [X, REPEATED, normal(2, 2, 3, seed=1)], {"axis": 1, **ADD}, opset=16, note="add"),
    Case("ScatterElements", [X, C(REPEATED), C(normal(2, 2, 3, seed=1))], ADD, opset=18, note="add constants"),
    Case("Scatter", [X, C(np.array([[[0, 3]]])), normal(1, 1, 2, seed=1)], {"axis": 2}, opset=9),
    Case("ScatterND", [X, C(np.array([[0, 1], [1, -1]])), normal(2, 4, seed=1)], opset=11),
    Case("ScatterND", [X, np.array([[0], [0]]), normal(2, 3, 4, seed=1)], ADD, opset=16, note="add"),
    Case("ScatterND", [C(X), np.array([[[0, 1, 2]]]), normal(1, 1, seed=1)], opset=18, note="constant data"),
    Case("ScatterND", [INTS, C(np.array([[0, 1]])), C(INTS[:1, 0])], opset=13, note="integers"),
]

PAD = [
    Case("Pad", [IMAGE], {"pads": [0, 0, 1, 2, 0, 1, 3, 0], "value": -1.5}, opset=7),
    Case("Pad", [IMAGE], {"pads": [0, 0, 1, 2, 0, 0, 3, 1], "mode": "reflect"}, opset=10, note="reflect"),
    Case("Pad", [IMAGE, C(i(0, 0, 1, 2, 0, 0, 3, 0))], opset=13, note="zeros"),
    Case("Pad", [IMAGE, C(i(0, 0, 1, -2, 0, 0, -3, 1)), C(np.float32(0.5))], opset=13, note="crop"),
    Case("Pad", [IMAGE, i(0, 0, 1, 2, 0, 0, 3, 0), C(np.float32(0.5))], opset=13, note="pads computed"),
    Case("Pad", [IMAGE, C(i(1, 0, 1, -2, 0, 0, -3, 1)), np.float32(-0.5)], opset=13, note="value computed"),
    Case("Pad", [IMAGE, C(i(0, 0, 1, 2, 0, 2, 3, 0))], {"mode": "edge"}, opset=13, note="edge"),
    Case("Pad", [IMAGE, C(i(0, 0, 3, 2, 0, 2, 4, 0))], {"mode": "reflect"}, opset=13, note="reflect"),
    Case("Pad", [IMAGE, C(i(2, -1)), None, C(i(-1))], {"mode": "edge"}, opset=18, note="edge and axes"),
    Case("Pad", [IMAGE, C(i(1, 2, 2, 1)), None, C(i(3, 2))], {"mode": "wrap"}, opset=19, note="wrap"),
    Case("Pad", [IMAGE, i(1, 2, 2, 1), C(np.float32(0)), i(3, -2)], opset=21, note="axes computed"),
    Case("Pad", [INTS, C(i(0, 0, 1, 0, 0, 2)), C(scalar(-3))], opset=13, note="integers"),
    Case("Pad", [C(X), i(0, 0, 1, 0, 0, 2)], opset=13, note="of a constant"),
    Case("CenterCropPad", [IMAGE, C(i(2, 8, 9, 3))], opset=18, note="crop and pad"),
    Case("CenterCropPad", [IMAGE, i(4, 9)], {"axes": [2, -1]}, opset=18, note="axes"),
]

EXPAND = [
    Case("Expand", [normal(3, 1), C(i(2, 3, 4))], opset=8),
    Case("Expand", [normal(3, 4), C(i(1, 4))], note="no change"),
    Case("Expand", [normal(1, 3, 1), i(2, 1, 4)], note="shape computed"),
    Case("Expand", [C(normal(1, 1, 4)), i(2, 1, 1)], note="of a constant"),
    Case("Expand", [np.float32(2.5), C(i(2, 2))], note="of a scalar"),
    Case("Expand", [i(3), C(i(4))], note="integers"),
    Case("Tile", [X, C(i(1, 3, 2))]),
    Case("Tile", [X, i(2, 1, 1)], note="repeats computed"),
    Case("Tile", [INTS, C(i(1, 2, 1))], note="integers"),
]

WHERE = [
    Case("Where", [C(MASK), X, normal(2, 3, 4, seed=1)], opset=9),
    Case("Where", [MASK[:, :1], X, normal(3, 1, seed=1)], note="broadcast"),
    Case("Where", [MASK, X, C(np.float32(-1e9))], note="constant branch"),
    Case("Where", [MASK, C(np.float32(0)), normal(4)], note="other branch constant"),
    Case("Where", [MASK, C(np.float32(1)), C(np.float32(0))], note="both constant"),
    Case("Where", [MASK[0, 0], INTS, C(scalar(3))], note="integers"),
]

SELECT = [
    Case("Compress", [X, C(np.array([False, True, True]))], {"axis": 1}, opset=9),
    Case("Compress", [X, C(np.array([True, False, True, False, True]))], opset=11, note="flat"),
    Case("Compress", [X, np.array([True, False, True])], {"axis": -2}, note="computed"),
    Case("ReverseSequence", [normal(5, 3, 2), C(i(1, 5, 3))], opset=10),
    Case("ReverseSequence", [normal(3, 5, 2), i(4, 2, 5)], {"batch_axis": 0, "time_axis": 1}, note="computed"),
    Case("Trilu", [normal(2, 4, 5)], {"upper": 0}),
    Case("Trilu", [normal(2, 4, 5), C(scalar(-1))], note="k"),
    Case("Trilu", [normal(2, 4, 5), scalar(2)], note="k computed"),
    Case("Trilu", [INTS], {"upper": 0}, note="integers"),
    Case("OneHot", [np.array([[1, -1, 7], [0, 4, -9]]), C(i(5)), C(np.array([-1, 2], np.float32))], opset=9),
    Case("OneHot", [np.array([[1, -1], [0, 4]]), C(scalar(5)), normal(2)], {"axis": 1}, opset=11, note="values"),
    Case("OneHot", [i(1, 3, 0), scalar(4), C(i(0, 1))], {"axis": 0}, opset=11, note="depth computed"),
]

CASES = [*SAME, *RESHAPE, *TRANSPOSE, *CONCAT, *SLICE, *GATHER, *SCATTER, *PAD, *EXPAND, *WHERE, *SELECT]
