"""Quantisation and dequantisation; the numbers between the two are carried as floating ones."""

from __future__ import annotations

import numpy as np

from .harness import C, Case, normal, uniform

X = 3 * normal(3, 5, seed=3)
IMAGE = 3 * normal(2, 3, 4, 6, seed=4)
STEPS = np.round(20 * normal(3, 5, seed=5))
BYTES = np.arange(24, dtype=np.uint8).reshape(2, 3, 4) * 10

#: of what rounds, the derivative that is wanted (straight through) is not the one of its steps
ROUNDS = {"differentiable": False}


def scale(*values: float) -> C:
    return C(np.array(values if len(values) > 1 else values[0], np.float32))


def zero(*values: int, dtype: type = np.uint8) -> C:
    return C(np.array(values if len(values) > 1 else values[0], dtype))


CASES = [
    Case("QuantizeLinear", [X, scale(0.03), zero(100)], opset=10, note="bytes", **ROUNDS),
    Case("QuantizeLinear", [X, scale(0.03)], note="no zero point", **ROUNDS),
    Case("QuantizeLinear", [X, scale(0.03), zero(-5, dtype=np.int8)], opset=13, note="signed", **ROUNDS),
    Case("QuantizeLinear", [X, scale(2e-4), zero(30000, dtype=np.uint16)], opset=21, note="sixteen bits", **ROUNDS),
    Case("QuantizeLinear", [X, scale(2e-4), zero(-3, dtype=np.int16)], opset=21, note="sixteen signed", **ROUNDS),
    Case("QuantizeLinear", [np.arange(-8, 8, 0.25, dtype=np.float32), scale(0.5), zero(3)], note="ties", **ROUNDS),
    Case("QuantizeLinear", [IMAGE, scale(0.02, 0.1, 0.004), zero(1, 120, 255)], opset=13, note="per channel", **ROUNDS),
    Case("QuantizeLinear", [X, scale(*np.linspace(0.01, 0.1, 3)), zero(0, 9, 100)], {"axis": 0}, note="per row", **ROUNDS),
    Case("QuantizeLinear", [X, C(uniform(3, 2)), C(np.ones((3, 2), np.uint8))], {"axis": 1, "block_size": 3}, opset=21, note="blocks", ort=False, **ROUNDS),
    Case("QuantizeLinear", [X, scale(0.03), zero(100)], domain="com.microsoft", note="microsoft", **ROUNDS),
    Case("QuantizeLinear", [X, scale(0.02)], {"output_dtype": 17}, opset=21, note="float8 is not numpy's", ort=False, **ROUNDS),
    Case("QuantizeLinear", [X, scale(0.5)], {"output_dtype": 22}, opset=21, note="int4 is not numpy's", ort=False, **ROUNDS),
    Case("DequantizeLinear", [BYTES, scale(0.03), zero(100)], opset=10, note="bytes"),
    Case("DequantizeLinear", [BYTES, scale(0.03)], note="no zero point"),
    Case("DequantizeLinear", [BYTES, scale(0.02, 0.1, 0.004), zero(1, 120, 255)], {"axis": 1}, opset=13, note="per channel"),
    Case("DequantizeLinear", [BYTES.astype(np.int32), scale(0.03)], note="sums"),
    Case("DequantizeLinear", [BYTES.view(np.int8), C(uniform(2, 2, 4)), C(np.ones((2, 2, 4), np.int8))], {"axis": 1, "block_size": 2}, opset=21, note="blocks", ort=False),
    Case("DequantizeLinear", [BYTES, np.float32(0.03), np.uint8(7)], note="by computed numbers"),
    Case("DequantizeLinear", [STEPS, scale(0.03), zero(100)], note="of what was rounded", ort=False),
    Case("DequantizeLinear", [STEPS, scale(*np.linspace(0.01, 0.1, 5)), zero(*range(5), dtype=np.int8)], {"axis": -1}, note="of what was rounded per column", ort=False),
    Case("DynamicQuantizeLinear", [X], opset=11, n_outputs=3),
    Case("DynamicQuantizeLinear", [np.abs(X)], opset=11, n_outputs=3, note="positive"),
    Case("DynamicQuantizeLinear", [np.zeros((2, 3), np.float32)], opset=11, n_outputs=3, note="zeros"),
    Case("Cast", [60 * X], {"to": 17}, opset=19, note="float8e4m3fn is not numpy's", ort=False, **ROUNDS),
    Case("Cast", [X], {"to": 23}, opset=23, note="float4e2m1 is not numpy's", ort=False, **ROUNDS),
    Case("Cast", [20 * X], {"to": 17, "saturate": 0}, opset=19, note="float8e4m3fn without saturation", ort=False, **ROUNDS),
    Case("Cast", [X], {"to": 24}, opset=24, note="float8e8m0 is not numpy's", ort=False, **ROUNDS),
    Case("Cast", [X], {"to": 24, "round_mode": "nearest"}, opset=24, note="float8e8m0, the nearer", ort=False, **ROUNDS),
]
