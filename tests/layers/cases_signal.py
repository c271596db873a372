"""Fourier transforms, blocks put back together, and a determinant."""

from __future__ import annotations

import numpy as np

from .cases_routing import i, scalar
from .harness import C, Case, normal

REAL, COMPLEX = normal(2, 5, 1), normal(2, 6, 2)
DEEP = normal(2, 4, 3, 2)
BLOCKS = normal(2, 3 * 4, 12)


def dft(
    x: np.ndarray, note: str, length: int | None = None, axis: int | None = None, opset: int = 20, **attrs: int
) -> Case:
    inputs = [x, *(None if v is None else C(scalar(v)) for v in (length, axis))]
    while inputs[-1] is None:
        inputs.pop()
    return Case("DFT", inputs, attrs, opset, note=note)


def ours(case: Case) -> Case:
    """onnxruntime knows no one-sided inverse."""
    return Case(case.op, case.inputs, case.attrs, case.opset, note=case.note, ort=False)


CASES = [
    dft(REAL, "real"),
    dft(COMPLEX, "complex"),
    dft(COMPLEX, "inverse", inverse=1),
    dft(REAL, "real inverse", inverse=1),
    dft(REAL, "onesided", onesided=1),
    dft(normal(2, 6, 1), "onesided even", onesided=1),
    dft(REAL, "filled", length=8),
    dft(COMPLEX, "cut", length=4),
    dft(REAL, "filled onesided", length=7, onesided=1),
    dft(REAL, "cut onesided", length=4, onesided=1),
    dft(COMPLEX, "inverse filled", length=9, inverse=1),
    dft(DEEP, "axis", axis=1),
    dft(DEEP, "negative axis", axis=-3),
    dft(DEEP, "usual axis before opset 20", opset=17),
    Case("DFT", [DEEP], {"axis": 2}, 17, note="axis attribute"),
    Case("DFT", [DEEP, scalar(3), C(scalar(1))], {}, 20, note="length computed"),
    ours(dft(COMPLEX, "real result", inverse=1, onesided=1)),
    ours(dft(normal(2, 4, 2), "odd real result", length=7, inverse=1, onesided=1)),
    ours(dft(COMPLEX, "real result cut", length=6, inverse=1, onesided=1)),
    ours(dft(normal(2, 3, 2), "real result filled", length=10, inverse=1, onesided=1)),
    Case("Col2Im", [normal(2, 3 * 4, 6), C(i(3, 4)), C(i(2, 2))], opset=18),
    Case("Col2Im", [normal(1, 2 * 4, 4), C(i(4, 5)), C(i(2, 2))], {"strides": [2, 3]}, opset=18, note="strides"),
    Case("Col2Im", [normal(1, 6, 16), C(i(4, 4)), C(i(2, 3))], {"pads": [1, 0, 0, 2]}, opset=18, note="pads"),
    Case("Col2Im", [normal(1, 4, 4), C(i(4, 6)), C(i(2, 2))], {"dilations": [2, 4]}, opset=18, note="dilations"),
    Case("Col2Im", [normal(1, 3, 4), C(i(6)), C(i(3))], opset=18, note="1d"),
    Case("Col2Im", [normal(2, 8, 6), C(i(2, 3, 4)), C(i(2, 2, 2))], opset=18, note="3d"),
    Case("Col2Im", [normal(2, 4, 6), i(3, 4), i(2, 2)], opset=18, note="shapes computed"),
    Case("Inverse", [normal(2, 3, 3)], domain="com.microsoft"),
    Case("Inverse", [normal(4, 4)], domain="com.microsoft", note="one matrix"),
    Case("Det", [normal(2, 3, 3)], opset=11),
    Case("Det", [normal(4, 4)], opset=22, note="one matrix"),
    Case("Det", [normal(3, 1, 1)], opset=11, note="of one element"),
    Case(
        "MelWeightMatrix", [C(scalar(6)), scalar(32), C(scalar(8000)), C(np.float32(20)), C(np.float32(3800))], opset=17
    ),
    Case(
        "MelWeightMatrix",
        [scalar(8), scalar(16), scalar(8192), np.float32(0), np.float32(4096)],
        opset=17,
        note="all computed",
    ),
]
