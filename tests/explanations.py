"""Explanations made by hand from numbers, for the tests of results, files, plots and reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from onnxplain.explanation import Attribution, Explanation

AUDIT = [
    {"node": f"conv<{i}>", "operator": "Conv", "kind": "Affine", "rule": "Epsilon()", "relevance_in": 1.0 - i / 50,
     "relevance_out": 1.0, "lost": i / 50, "share_lost": i / 50}
    for i in range(3)
]  # fmt: skip


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers of both signs."""
    return np.random.default_rng(seed).normal(size=shape)


def explanation(parts: Sequence[Attribution], labels: dict[str, tuple[str, ...]], **fields: Any) -> Explanation:
    """An explanation whose goals are its sums."""
    sums = {
        out: sum(a.values.sum(axis=tuple(range(1, a.values.ndim - 1))) for a in parts if a.output == out)
        for out in labels
    }
    units = {out: np.broadcast_to(np.arange(s.shape[1]), s.shape) for out, s in sums.items()}
    given = {
        "attributions": {(a.input, a.output): a for a in parts},
        "predictions": {out: np.tanh(s) for out, s in sums.items()},
        "goals": dict(sums),
        "sums": sums,
        "target_units": units,
        "target_labels": labels,
        "method": "LRP(composite=EpsilonPlus(epsilon=1e-06))",
        "complete": True,
        "model": "model.onnx",
    }
    return Explanation(**{**given, **fields})


def table(
    samples: int = 3, features: int = 4, targets: int = 2, name: str = "table", out: str = "y", **kw: Any
) -> Attribution:
    values, data = numbers(samples, features, targets, seed=1), numbers(samples, features, seed=2)
    values = kw.pop("values", values)
    labels = {"feature": tuple(f"f{i}" for i in range(values.shape[1])), "target": TARGETS[: values.shape[2]]}
    given = {"dims": ("sample", "feature", "target"), "labels": labels, "input": name, "output": out}
    return Attribution(values, **{**given, "data": data if len(data) == len(values) else None, **kw})


TARGETS = ("cat", "dog", "bird", "fish")


def image(samples: int = 3, targets: int = 2, name: str = "image", out: str = "y", last: bool = False) -> Attribution:
    values, data = numbers(samples, 3, 5, 6, targets, seed=3), numbers(samples, 3, 5, 6, seed=4)
    dims: tuple[str, ...] = ("sample", "channel", "height", "width", "target")
    if last:
        values, data, dims = (
            np.moveaxis(values, 1, 3),
            np.moveaxis(data, 1, 3),
            ("sample", "height", "width", "channel", "target"),
        )
    return Attribution(values, dims, {"target": TARGETS[:targets]}, name, out, data=data)


def series(samples: int = 3, targets: int = 2, name: str = "series", out: str = "y") -> Attribution:
    labels = {"channel": ("lead I", "lead II"), "target": TARGETS[:targets]}
    dims = ("sample", "channel", "length", "target")
    return Attribution(
        numbers(samples, 2, 9, targets, seed=5), dims, labels, name, out, data=numbers(samples, 2, 9, seed=6)
    )


def one(**fields: Any) -> Explanation:
    """One table, one output, two targets, three samples."""
    return explanation([table()], {"y": TARGETS[:2]}, **fields)


def many(**fields: Any) -> Explanation:
    """Three inputs and two outputs with different targets, one out of reach; a layer, notes, rules, an audit."""
    parts = [image(), table(), series()]
    parts += [image(out="z", targets=3), table(out="z", targets=3, values=np.zeros((3, 4, 3)), connected=False)]
    parts += [series(out="z", targets=3)]
    layer = Attribution(numbers(3, 7, 2), ("sample", "feature", "target"), {}, "relu/5:0", "y")
    return explanation(
        parts,
        {"y": TARGETS[:2], "z": TARGETS[:3]},
        **{
            "layer_attributions": {("relu/5:0", "y"): layer},
            "notes": ("output 'y' is explained before its Softmax",),
            "rules": {"conv<0>": "ZPlus()", "fc": "Epsilon(epsilon=1e-06)"},
            "audit_source": lambda: [dict(row) for row in AUDIT],
            **fields,
        },
    )
