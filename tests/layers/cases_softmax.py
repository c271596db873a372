"""Softmax, LogSoftmax and Hardmax."""

from __future__ import annotations

import numpy as np

from .harness import Case, normal

X = 3 * normal(2, 3, 4)
MASKED = np.where(normal(2, 3, 4, seed=5) > 0.5, -10000, X).astype(np.float32)

CASES = [
    *(Case(op, [X], note="last axis") for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, [X], {"axis": 1}, note="axis 1") for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, [X], opset=11, note="flattened") for op in ("Softmax", "LogSoftmax", "Hardmax")),
    *(Case(op, [X], {"axis": a}, opset=11, note=f"from {a}") for op in ("Softmax", "LogSoftmax") for a in (-1, 0)),
    *(Case(op, [X], opset=7, note="flattened") for op in ("Softmax", "LogSoftmax")),
    Case("Softmax", [MASKED], note="masked"),
    Case("LogSoftmax", [MASKED], note="masked"),
    Case("Softmax", [normal(5)], note="one axis"),
]
