"""Operators whose result is the largest or smallest of several elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from .cases_routing import i, scalar
from .harness import C, Case, normal

X = normal(2, 3, 4)
LINE, IMAGE, VOLUME = normal(2, 3, 11), normal(2, 3, 7, 8), normal(1, 2, 5, 6, 4)
BELOW = -np.abs(IMAGE) - 1
INTS = (normal(2, 3, 4, seed=3) * 10).astype(np.int64)


def pool(x: np.ndarray, kernel: list[int], note: str, opset: int = 12, n_outputs: int = 1, **attrs: Any) -> Case:
    return Case("MaxPool", [x], {"kernel_shape": kernel, **attrs}, opset, n_outputs, note)


CASES = [
    pool(IMAGE, [2, 2], "2d", strides=[2, 2]),
    pool(IMAGE, [3, 2], "stride 1", opset=8),
    pool(BELOW, [3, 3], "padded and negative", strides=[2, 2], pads=[1, 1, 1, 1]),
    pool(BELOW, [3, 3], "unequal pads", strides=[2, 2], pads=[0, 1, 1, 0]),
    pool(BELOW, [3, 3], "wide pads", pads=[2, 2, 2, 2]),
    pool(IMAGE, [2, 3], "dilated", opset=10, dilations=[3, 2], pads=[1, 1, 1, 1]),
    pool(IMAGE, [3, 3], "ceil", strides=[2, 3], ceil_mode=1),
    pool(BELOW, [3, 3], "ceil padded", strides=[2, 3], ceil_mode=1, pads=[1, 0, 1, 1]),
    pool(IMAGE, [2, 2], "ceil drops a window in the padding", opset=22, strides=[3, 3], ceil_mode=1, pads=[1, 1, 1, 1]),
    pool(IMAGE, [3, 3], "same upper", strides=[2, 2], auto_pad="SAME_UPPER"),
    pool(BELOW, [3, 2], "same lower", strides=[2, 3], auto_pad="SAME_LOWER"),
    pool(IMAGE, [3, 3], "valid", strides=[2, 2], auto_pad="VALID"),
    pool(LINE, [3], "1d", strides=[2], pads=[1, 1]),
    pool(LINE, [4], "1d unequal pads", strides=[3], pads=[0, 3], dilations=[2]),
    pool(VOLUME, [2, 3, 2], "3d", strides=[2, 2, 1], pads=[1, 0, 0, 1, 1, 1]),
    pool(VOLUME, [2, 2, 2], "3d dilated", strides=[1, 2, 1], dilations=[2, 1, 3]),
    pool(IMAGE, [3, 3], "indices", n_outputs=2, strides=[2, 2], pads=[1, 1, 1, 1]),
    pool(BELOW, [3, 3], "indices and unequal pads", n_outputs=2, strides=[2, 2], pads=[2, 1, 1, 0]),
    pool(IMAGE, [2, 3], "indices by column", n_outputs=2, storage_order=1),
    pool(LINE, [3], "indices 1d", n_outputs=2, pads=[2, 0]),
    pool(VOLUME, [2, 2, 2], "indices 3d", n_outputs=2, strides=[2, 2, 2]),
    pool((IMAGE * 20).astype(np.int8), [2, 2], "int8", strides=[2, 2]),
    Case("GlobalMaxPool", [IMAGE]),
    Case("GlobalMaxPool", [LINE], opset=22, note="1d"),
    Case("ReduceMax", [IMAGE], {"axes": [1, -1], "keepdims": 0}, opset=11),
    Case("ReduceMax", [IMAGE], {"axes": [2]}, opset=7),
    Case("ReduceMax", [IMAGE], {"keepdims": 0}, opset=13, note="all"),
    Case("ReduceMax", [IMAGE, C(i(3, 1))], opset=18),
    Case("ReduceMax", [IMAGE, i(-2)], {"keepdims": 0}, opset=18, note="axes computed"),
    Case("ReduceMax", [IMAGE], {"noop_with_empty_axes": 1}, opset=18, note="no axes"),
    Case("ReduceMax", [INTS], {"axes": [1]}, opset=13, note="integers"),
    Case("ReduceMin", [IMAGE], {"axes": [0, 2]}, opset=13),
    Case("ReduceMin", [IMAGE, C(i(1))], {"keepdims": 0}, opset=20),
    Case("ReduceLogSumExp", [IMAGE], {"axes": [1, -1], "keepdims": 0}, opset=11),
    Case("ReduceLogSumExp", [100 * IMAGE], opset=13, note="large numbers"),
    Case("ReduceLogSumExp", [IMAGE - 500, C(i(2))], opset=18, note="small numbers"),
    Case("ReduceLogSumExp", [IMAGE, i(3, 0)], opset=18, note="axes computed"),
    Case("ReduceLogSumExp", [IMAGE], {"noop_with_empty_axes": 1}, opset=18, note="no axes"),
    Case("Max", [X, normal(3, 1, seed=1), normal(4, seed=2)], opset=8),
    Case("Max", [X, C(np.float32(0))], opset=13, note="with zero"),
    Case("Max", [C(normal(3, 4, seed=1)), X, C(normal(1)), normal(2, 1, 1, seed=3)], opset=13, note="constants"),
    Case("Max", [X], opset=13, note="one"),
    Case("Max", [INTS, C(scalar(2))], opset=13, note="integers"),
    Case("Min", [X, normal(2, 3, 4, seed=1)], opset=8),
    Case("Min", [X, C(np.float32(-0.2))], opset=13, note="with a constant"),
    Case("TopK", [X, C(i(2))], {"axis": 1}, opset=11, n_outputs=2),
    Case("TopK", [X, C(i(3))], {"largest": 0}, opset=11, n_outputs=2, note="smallest"),
    Case("TopK", [X], {"k": 2, "axis": 0}, opset=7, n_outputs=2),
    Case("TopK", [X, i(1)], {"axis": -2}, opset=10, n_outputs=2, note="k computed"),
    Case("TopK", [np.array([[1, 3, 3, 0, 3]], np.float32), C(i(2))], opset=11, n_outputs=2, note="ties"),
    Case("TopK", [INTS, C(i(2))], opset=11, n_outputs=2, note="integers"),
]
