"""Scatters that multiply or keep the largest; caches; different elements."""

from __future__ import annotations

import numpy as np

from .cases_routing import i
from .harness import C, Case, normal

X, UPDATES = normal(3, 4), normal(2, 3, seed=1)
AT = i(0, 1, 2, 2, -2, 2).reshape(2, 3)
CUBE = normal(3, 4, 2)
TUPLES = i(0, 2, 1, -1, 0, 2).reshape(3, 2)
INTS = (normal(3, 4, seed=3) * 9).astype(np.int64)
MORE = (normal(2, 3, seed=4) * 9).astype(np.int64)
TIES = np.array([1, -2, 1, 3, -2, 3, 0.5], np.float32)
ROWS = np.array([[2, 1], [0, 1], [2, 1], [0, -3]], np.float32)


def elements(
    reduction: str,
    note: str,
    x: object = X,
    index: object = C(AT),
    updates: object = UPDATES,
    opset: int = 18,
    axis: int = 0,
) -> Case:
    return Case(
        "ScatterElements",
        [x, index, updates],
        {"reduction": reduction, "axis": axis},
        opset,
        note=f"{reduction} {note}",
    )


def tuples(reduction: str, note: str, index: object = C(TUPLES), updates: object | None = None) -> Case:
    given = normal(3, 2, seed=1) if updates is None else updates
    return Case("ScatterND", [CUBE, index, given], {"reduction": reduction}, 18, note=f"{reduction} {note}")


CASES = [
    *[elements(r, "into one place twice") for r in ("mul", "max", "min")],
    *[elements(r, "axis", index=C(i(3, 0, 1, 1, 2, -1).reshape(2, 3)), axis=1) for r in ("mul", "max", "min")],
    *[elements(r, "constant updates", updates=C(UPDATES)) for r in ("mul", "max", "min")],
    *[elements(r, "into a constant", x=C(X)) for r in ("mul", "max", "min")],
    *[elements(r, "integers", x=INTS, updates=MORE) for r in ("mul", "max", "min")],
    elements("max", "index computed", index=AT),
    *[tuples(r, "one slice twice") for r in ("mul", "max", "min")],
    tuples("mul", "whole planes", index=C(i(2, 0).reshape(2, 1)), updates=normal(2, 4, 2, seed=1)),
    tuples("min", "single elements", index=C(i(0, 1, 1, 2, 3, 0).reshape(2, 3)), updates=normal(2, seed=1)),
    Case(
        "TensorScatter",
        [normal(2, 5, 3), normal(2, 2, 3, seed=1), C(i(1, 3))],
        opset=24,
        ort=False,
        note="not in onnxruntime",
    ),
    Case(
        "TensorScatter",
        [normal(2, 3, 5, 2), normal(2, 3, 3, 2, seed=1), i(4, 1)],
        {"mode": "circular"},
        opset=24,
        ort=False,
        note="circular, not in onnxruntime",
    ),
    Case(
        "TensorScatter",
        [normal(2, 4, 3), normal(2, 4, 2, seed=1)],
        {"axis": 2},
        opset=24,
        ort=False,
        note="from the start, not in onnxruntime",
    ),
    Case("Unique", [TIES], opset=11, n_outputs=4),
    Case("Unique", [TIES], {"sorted": 0}, opset=11, n_outputs=4, note="in order"),
    Case("Unique", [normal(2, 3)], opset=11, note="flattened"),
    Case("Unique", [ROWS], {"axis": 0}, opset=11, n_outputs=4, note="rows"),
    Case("Unique", [ROWS.T.copy()], {"axis": -1, "sorted": 0}, opset=11, n_outputs=4, note="columns in order"),
    Case("Unique", [INTS], opset=11, n_outputs=4, note="integers"),
]
