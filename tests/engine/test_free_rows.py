"""Models exported for one sample: passed together where that is proven equal, one by one elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import onnxplain as ox
from onnxplain.free_rows import for_many

from .build import Writer
from .models import CASES, cnn, loaded
from .oracle import close


def feeds(model: ox.Model, n: int, seed: int = 0) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(seed)
    return {i: torch.from_numpy(rng.standard_normal((n, *s.sample_shape))) for i, s in model.inputs.items()}


def attention(rows: int | str) -> Any:
    """Heads by reshapes that name the one sample: (1, 4, 6) → (1, 4, 2, 3), folded to (4, 6) on the way in."""
    w, one = Writer(5), rows if isinstance(rows, int) else -1
    flat = w.node("Reshape", "x", w.constant([4, 6] if one == 1 else [-1, 6]))
    lifted = w.node("Reshape", w.dense(flat, 6, 6), w.constant([one, 4, 2, 3]))
    q = w.node("Transpose", lifted, perm=[0, 2, 1, 3])
    weights = w.node("Softmax", w.node("MatMul", q, w.node("Transpose", q, perm=[0, 1, 3, 2])), axis=-1)
    mixed = w.node("Transpose", w.node("MatMul", weights, q), perm=[0, 2, 1, 3])
    w.dense(w.node("Reshape", mixed, w.constant([one, -1] if one == 1 else [0, 24])), 24, 3, to="y")
    return w.model({"x": (rows, 4, 6)}, {"y": (rows, 3)})


@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", ox.IntegratedGradients(n_steps=5)], ids=repr)
def test_reshapes_that_name_one_sample_are_freed(method: Any) -> None:
    fixed, free = (ox.load(attention(rows), dtype="float64", verify="never") for rows in (1, "N"))
    x = np.random.default_rng(1).standard_normal((5, 4, 6))
    assert for_many(fixed, feeds(fixed, 2)) is not fixed
    e, expected = (ox.explain(m, x, method, target="all") for m in (fixed, free))
    close(e.values, expected.values, 1e-12)
    close(e.predictions["y"], expected.predictions["y"], 1e-12)
    close(fixed.predict(x)["y"], e.predictions["y"], 1e-12)


def test_one_sample_is_compared_with_itself_turned_round() -> None:
    model = ox.load(attention(1), dtype="float64", verify="never")
    assert for_many(model, feeds(model, 1)) is not model
    refs = np.random.default_rng(2).standard_normal((4, 4, 6))
    e = ox.explain(model, refs[:1], ox.DeepShap(data_ref=refs), target="all")
    close(e.sums["y"], e.goals["y"], 1e-12)


@pytest.mark.parametrize(
    "mix",
    [
        lambda w, h: w.node("Sub", h, w.node("ReduceMean", h, axes=[0], keepdims=1)),
        lambda w, h: w.node("Reshape", w.node("Transpose", h, perm=[1, 0]), w.constant([1, 6])),
        lambda w, h: w.node("Concat", h, w.constant(np.ones((1, 2))), axis=1),
    ],
    ids=["mean over samples", "samples last", "a constant for one sample"],
)
def test_where_samples_would_meet_they_are_passed_one_by_one(mix: Any) -> None:
    w = Writer(6)
    h = mix(w, w.node("Tanh", w.dense("x", 4, 6)))
    w.dense(h, 8 if "Concat" in w.nodes[-1].op_type else 6, 2, to="y")
    model = ox.load(w.model({"x": (1, 4)}, {"y": (1, 2)}), dtype="float64", verify="never")
    given = feeds(model, 3)
    assert for_many(model, given) is model
    x = given["x"].numpy()
    e = ox.explain(model, x, "deeplift", target="all")
    close(e.sums["y"], e.goals["y"], 1e-12)
    for i in range(3):
        close(e.values[i], ox.explain(model, x[i : i + 1], "deeplift", target="all").values[0])


def test_models_for_any_number_of_samples_stay_as_they_are() -> None:
    model = loaded("cnn")
    assert for_many(model, {n: torch.from_numpy(x) for n, x in CASES["cnn"].data(2).items()}) is model
    one = ox.load(cnn(rows=1), dtype="float64")
    assert for_many(one, feeds(one, 2)).inputs["x"].fixed_batch is None
