"""DeepLIFT where indices and conditions computed from the data are others at the baseline: exact, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.errors import RuleError

from ..engine.build import Writer

RANDOM = np.random.default_rng(1)
X, X0 = (RANDOM.standard_normal((3, 5)).astype(np.float32) for _ in range(2))


def contributions_add_up(model: ox.Model, x: np.ndarray, x0: np.ndarray, target: Any = "all") -> None:
    e = ox.explain(model, {"x": x}, ox.DeepLift(baseline=x0), target=target)
    y, y0 = (model.predict({"x": v})["y"] for v in (x, x0))
    difference = (y - y0).reshape(len(x), -1)
    np.testing.assert_allclose(e.values.reshape(len(x), 5, -1).sum(1), difference, rtol=1e-9, atol=1e-9)


def loaded(w: Writer, shape: list[Any], opset: int = 17) -> ox.Model:
    proto = w.model({"x": ["N", 5]}, {"y": shape}, opset)
    return ox.load(proto, verify="never", dtype="float64")


def picked_by_argmax(other: bool) -> Writer:
    """The element of h where s is largest; s and h are linear in x, or s is h."""
    w = Writer(seed=3)
    h = w.dense("x", 5, 4)
    s = w.dense("x", 5, 4) if other else h
    place = w.node("ArgMax", s, axis=1, keepdims=1)
    w.node("GatherElements", h, place, axis=1, to="y")
    return w


@pytest.mark.parametrize("other", [False, True], ids=["its own place", "the place of another"])
def test_an_element_picked_elsewhere_at_the_baseline_has_its_whole_difference_shared_out(other: bool) -> None:
    model = loaded(picked_by_argmax(other), ["N", 1])
    place = "v1" if not other else "v2"
    places = [
        ox.load(
            picked_by_argmax(other).model({"x": ["N", 5]}, {"y": ["N", 1]}), outputs=[place], verify="never"
        ).predict({"x": v})
        for v in (X, X0)
    ]
    assert (places[0][place] != places[1][place]).any()
    contributions_add_up(model, X, X0)


def test_every_baseline_of_several_is_paired_with_its_own_indices() -> None:
    model = loaded(picked_by_argmax(True), ["N", 1])
    e = ox.explain(model, {"x": X}, ox.DeepShap(data_ref={"x": X0}), target="all")
    wanted = model.predict({"x": X})["y"] - model.predict({"x": X0})["y"].mean(0)
    np.testing.assert_allclose(e.values.reshape(3, 5, -1).sum(1), wanted, rtol=1e-9, atol=1e-9)


def test_rows_put_in_the_order_of_their_size_add_up() -> None:
    """TopK's places drive a gather of other values."""
    w = Writer(seed=4)
    h, s = w.dense("x", 5, 6), w.dense("x", 5, 6)
    _, place = w.node("TopK", s, w.constant([3]), to=["best", "place"], axis=1)
    w.node("GatherElements", h, place, axis=1, to="y")
    contributions_add_up(loaded(w, ["N", 3]), X, X0)


def test_written_elsewhere_at_the_baseline_adds_up() -> None:
    w = Writer(seed=5)
    h, u, s = w.dense("x", 5, 4), w.dense("x", 5, 1), w.dense("x", 5, 4)
    w.node("ScatterElements", h, w.node("ArgMin", s, axis=1), u, axis=1, to="y")
    contributions_add_up(loaded(w, ["N", 4]), X, X0)


def test_a_jump_between_values_that_both_stay_as_they_are_is_an_error_that_names_the_node() -> None:
    """The two pieces of h that are picked read only the first element of x, which is the same at the baseline."""
    w = Writer(seed=6)
    first = np.zeros((5, 3), np.float32)
    first[0] = [1.0, -2.0, 0.5]
    h = w.node("MatMul", "x", w.constant(first))
    place = w.node("ArgMax", w.dense("x", 5, 3), axis=1, keepdims=1)
    w.node("GatherElements", h, place, axis=1, to="y", name="pick")
    model = loaded(w, ["N", 1])
    x0 = X0.copy()
    x0[:, 0] = X[:, 0]
    with pytest.raises(RuleError, match="'pick'.*come from elsewhere at the baseline"):
        ox.explain(model, {"x": X}, ox.DeepLift(baseline=x0), target="all")
    contributions_add_up(model, X, X)


def compressed() -> ox.Model:
    """The elements of the first row that are above zero, added up at the end or not."""
    w = Writer(seed=7)
    h = w.node("Reshape", w.dense("x", 5, 4), w.constant([-1]))
    w.node("Compress", h, w.node("Greater", h, w.constant(0.0)), axis=0, to="y", name="some")
    return ox.load(w.model({"x": [1, 5]}, {"y": [None]}), verify="never", dtype="float64", batch_axis={"y": None})


def test_another_number_of_elements_at_the_baseline_is_an_error_that_names_the_node() -> None:
    model = compressed()
    sizes = [model.predict({"x": v[:1]})["y"].size for v in (X, X0)]
    assert sizes[0] != sizes[1]
    with pytest.raises(RuleError, match=r"'some' \(Compress\).*its size follows from the numbers"):
        ox.explain(model, {"x": X[:1]}, ox.DeepLift(baseline=X0[:1]), target=[0])


def test_boxes_that_depend_on_what_is_explained_are_an_error_and_the_same_boxes_are_not() -> None:
    w = Writer(seed=8)
    image = w.node("Reshape", w.dense("x", 5, 36), w.constant([-1, 1, 6, 6]))
    box = w.node("Abs", w.node("Reshape", w.dense("x", 5, 4), w.constant([-1, 4])))
    corners = w.node("Add", box, w.constant(np.array([0.0, 0.0, 3.0, 3.0])))
    pooled = w.node(
        "RoiAlign", image, corners, w.constant([0, 1, 2]), output_height=2, output_width=2, sampling_ratio=2, name="roi"
    )
    w.node("Flatten", pooled, to="y")
    model = ox.load(w.model({"x": [3, 5]}, {"y": [3, 4]}), verify="never", dtype="float64")
    with pytest.raises(RuleError, match="'roi'.*the boxes"):
        ox.explain(model, {"x": X}, ox.DeepLift(baseline=X0), target="all")
    contributions_add_up(model, X, X)
    e = ox.explain(model, {"x": X}, "lrp", target="all")
    assert np.isfinite(e.values).all() and np.abs(e.values).max() > 0


def test_an_image_sampled_where_the_data_say_adds_up() -> None:
    """A spatial transformer: the picture and the grid both follow from x."""
    w = Writer(seed=9)
    image = w.node("Reshape", w.dense("x", 5, 24), w.constant([-1, 2, 3, 4]))
    theta = w.node("Reshape", w.node("Tanh", w.dense("x", 5, 6)), w.constant([-1, 2, 3]))
    size = w.node(
        "Concat", w.node("Slice", w.node("Shape", "x"), w.constant([0]), w.constant([1])), w.constant([2, 3, 3]), axis=0
    )
    grid = w.node("AffineGrid", theta, size)
    w.node("Flatten", w.node("GridSample", image, grid, mode="linear", padding_mode="border"), to="y")
    contributions_add_up(loaded(w, ["N", 18], opset=20), X, X0)


def test_sharing_by_size_reads_a_computed_count_as_it_is() -> None:
    w = Writer(seed=10)
    count = w.node("Unsqueeze", w.node("Min", w.node("Size", "x"), w.constant(2)), w.constant([0]))
    best, _ = w.node("TopK", w.dense("x", 5, 4), count, to=["best", "place"], axis=1)
    w.node("Neg", best, to="y")
    model = ox.load(w.model({"x": ["N", 5]}, {"y": ["N", None]}), verify="never", dtype="float64")
    e = ox.explain(model, {"x": X}, ox.DeepLift(baseline=X0, winner_takes_all=False), target="all")
    difference = model.predict({"x": X})["y"] - model.predict({"x": X0})["y"]
    np.testing.assert_allclose(e.values.reshape(3, 5, -1).sum(1), difference, rtol=1e-9, atol=1e-9)
