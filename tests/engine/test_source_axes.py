"""Integer inputs that are turned or flattened before they are embedded: the embedding holds the samples elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import TensorProto

import onnxplain as ox
from onnxplain.model import Model

from .build import Writer

IDS = np.random.default_rng(0).integers(1, 9, (3, 4))


def sequence_first(rows: int | str = "N") -> Model:
    """ids (rows, 4) → (4, rows) → embedded (4, rows, 5) → tanh of a product → summed over the positions."""
    w = Writer()
    turned = w.node("Transpose", "ids", perm=[1, 0])
    embedded = w.node("Gather", w.weight(9, 5), turned, to="embedded")
    mixed = w.node("Tanh", w.node("MatMul", embedded, w.weight(5, 6)))
    heavier = w.node("Mul", mixed, w.weight(4, 1, 1, shift=1.0))
    w.node("ReduceSum", heavier, w.constant([0]), to="y", keepdims=0)
    return ox.load(w.model({"ids": (rows, 4)}, {"y": (rows, 6)}, types={"ids": TensorProto.INT64}), dtype="float64")


def flattened(rows: int | str = "N") -> Model:
    """ids (rows, 4) → (rows · 4,) → embedded (rows · 4, 5) → in rows again → tanh of a product → summed."""
    w = Writer()
    flat = w.node("Reshape", "ids", w.constant([-1]))
    embedded = w.node("Gather", w.weight(9, 5), flat, to="embedded")
    parts = w.node("Reshape", embedded, w.constant([-1, 4, 5]))
    mixed = w.node("Tanh", w.node("MatMul", parts, w.weight(5, 6)))
    w.node("ReduceSum", w.node("Mul", mixed, w.weight(4, 1, shift=1.0)), w.constant([1]), to="y", keepdims=0)
    return ox.load(w.model({"ids": (rows, 4)}, {"y": (rows, 6)}, types={"ids": TensorProto.INT64}), dtype="float64")


def insisting() -> Model:
    """One sample, whose flattened positions are embedded: their number is written into the file."""
    w = Writer()
    flat = w.node("Reshape", w.node("Reshape", "ids", w.constant([1, 4])), w.constant([-1]))
    embedded = w.node("Gather", w.weight(9, 5), flat, to="embedded")
    parts = w.node("Reshape", embedded, w.constant([1, 4, 5]))
    mixed = w.node("Tanh", w.node("MatMul", parts, w.weight(5, 6)))
    w.node("ReduceSum", w.node("Mul", mixed, w.weight(4, 1, shift=1.0)), w.constant([1]), to="y", keepdims=0)
    return ox.load(w.model({"ids": (1, 4)}, {"y": (1, 6)}, types={"ids": TensorProto.INT64}), dtype="float64")


BUILT = [sequence_first, flattened]
METHODS = [
    ox.Gradient(times_input=True),
    ox.LRP(),
    ox.DeepLift(baseline=0),
    ox.DeepLift(baseline=IDS[::-1].copy()),
    ox.IntegratedGradients(n_steps=40),
    ox.SmoothGrad(n_samples=3, noise_level=0.0),
]


@pytest.mark.parametrize("built", BUILT, ids=lambda b: b.__name__)
@pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)
def test_every_sample_gets_what_it_gets_alone(method: ox.Gradient, built: Callable[[], Model]) -> None:
    model = built()
    together = ox.explain(model, IDS, method, target=[0, 4])
    for i, row in enumerate(IDS):
        if isinstance(method, ox.DeepLift) and not isinstance(method.baseline, int):
            method = ox.DeepLift(baseline=IDS[::-1][i])
        alone = ox.explain(model, row[None], method, target=[0, 4])
        np.testing.assert_allclose(together["ids"].values[i], alone["ids"].values[0], rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("rows", ["N", 1], ids=["free", "one"])
@pytest.mark.parametrize("built", BUILT, ids=lambda b: b.__name__)
@pytest.mark.parametrize("method", [ox.DeepLift(baseline=0), ox.IntegratedGradients(n_steps=40)], ids=lambda m: m.name)
def test_attributions_sum_to_the_difference_from_the_baseline(
    method: ox.DeepLift, built: Callable[[int | str], Model], rows: int | str
) -> None:
    model = built(rows)
    e = ox.explain(model, IDS, method, target="all")
    expected = model.predict(IDS)["y"] - model.predict(np.zeros_like(IDS))["y"]
    np.testing.assert_allclose(e["ids"].values.sum(1), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(e.goals["y"], expected, rtol=1e-10)


@pytest.mark.parametrize("baseline", [0, IDS[::-1].copy()], ids=["one", "per sample"])
def test_a_model_that_insists_on_one_sample_is_explained_sample_by_sample(baseline: int | np.ndarray) -> None:
    model, rows = insisting(), np.zeros_like(IDS) if isinstance(baseline, int) else baseline
    e = ox.explain(model, IDS, ox.DeepLift(baseline=baseline), target="all")
    expected = model.predict(IDS)["y"] - model.predict(rows)["y"]
    np.testing.assert_allclose(e["ids"].values.sum(1), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(e.goals["y"], expected, rtol=1e-10)
