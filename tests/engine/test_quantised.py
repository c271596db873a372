"""Quantised models: what onnxruntime computes, step by step, and explanations that pass through the rounding."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.layers.quantised.fake_quantize import FakeQuantize

from ..promises import audit_accounts, deep_lift_is_complete
from .oracle import close, onnxruntime_outputs
from .quantised_nodes import FLOAT, NODES, UINT8, Quantised

#: rounded elsewhere than onnxruntime rounds: a value that lies between two steps may go to either
TIES = {"QLinearAveragePool": 0.02}


def data(*shape: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(shape) * 1.3).astype(np.float32)


# operators ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NODES)
def test_a_quantised_operator_gives_every_number_that_onnxruntime_gives(name: str) -> None:
    make, shape = NODES[name]
    rows = 2 if name.startswith("QAttention") else 3
    proto, x = make(), data(rows, *shape)
    expected = onnxruntime_outputs(proto, {"x": x})["q"]
    ours = ox.load(proto, verify="always").predict({"x": x})["q"]
    assert ours.dtype == expected.dtype and ours.shape == expected.shape
    assert len(np.unique(expected)) > min(20, expected.size // 2)
    if expected.dtype.kind == "f":
        close(ours, expected, 1e-6)
        return
    off = np.abs(ours.astype(np.int64) - expected.astype(np.int64))
    assert off.max() <= 1 and (off > 0).mean() <= TIES.get(name, 0.0)


@pytest.mark.parametrize("name", NODES)
def test_relevance_passes_a_quantised_operator(name: str) -> None:
    make, shape = NODES[name]
    if name in ("GatherBlockQuantized", "QLinearMatMul 21"):
        return  # indices carry none; the other is QLinearMatMul
    model = ox.load(make(), verify="never", dtype="float64")
    x = data(2, *shape)
    gradient = ox.explain(model, x, ox.Gradient(ignore_last_activation=False), target=[0, 3])
    assert np.isfinite(gradient.values).all() and np.abs(gradient.values).sum((0, *range(1, x.ndim))).min() > 0
    deep_lift_is_complete(model, {"x": x}, 1e-9, data(2, *shape, seed=1), ignore=False, units={"q": [0, 3]})
    audit_accounts(ox.explain(model, x, ox.LRP(), target=[0, 3]))


@pytest.mark.parametrize("element", [2, 3, 4, 5, 17, 18, 19, 20, 21, 22, 23, 25, 26])
def test_every_type_is_rounded_to_as_the_reference_evaluator_does(element: int) -> None:
    w = Quantised()
    zero = numpy_helper.from_array(np.zeros((), helper.tensor_dtype_to_np_dtype(element)), "zero")
    w.initializers.append(zero)
    w.node("QuantizeLinear", "x", w.scale(0.11), "zero", to="q")
    w.node("DequantizeLinear", "q", w.scale(0.11), "zero", to="y")
    proto = w.model({"x": ("N", 7)}, {"q": ("N", 7), "y": ("N", 7)}, 26, types={"q": element})
    x = np.concatenate([data(3, 7), 100 * data(2, 7, seed=1)])
    if element in (17, 18, 19, 20, 23):
        x = np.clip(x, -0.6, 0.6) if element == 23 else x
    q, y = ReferenceEvaluator(proto).run(None, {"x": x})
    ours = ox.load(proto, verify="never").predict(x)
    np.testing.assert_array_equal(ours["q"].astype(np.float32), q.astype(np.float32))
    close(ours["y"], y, 1e-6)
    assert ours["q"].dtype == q.dtype


def test_dequantisation_by_blocks_and_of_stored_weights_of_four_bits() -> None:
    w = Quantised(1)
    w.initializers.append(numpy_helper.from_array(w.random.integers(-8, 8, (6, 5)).astype(helper.tensor_dtype_to_np_dtype(22)), "w"))
    weights = w.node("DequantizeLinear", "w", w.weight(3, 5), axis=0, block_size=2)
    w.node("MatMul", "x", weights, to="y")
    proto = w.model({"x": ("N", 6)}, {"y": ("N", 5)}, 21)
    x = data(3, 6)
    model = ox.load(proto, verify="never")
    close(model.predict(x)["y"], ReferenceEvaluator(proto).run(None, {"x": x})[0], 1e-6)
    assert [n.op for n in model.graph.nodes] == ["MatMul"]


@pytest.mark.parametrize("to", [17, 18, 19, 20])
def test_a_cast_to_float8_rounds_and_lets_relevance_through(to: int) -> None:
    w = Quantised(2)
    h = w.dense("x", 4, 3)
    w.nodes += [helper.make_node("Cast", [h], ["few"], to=to), helper.make_node("Cast", ["few"], ["y"], to=FLOAT)]
    proto = w.model({"x": ("N", 4)}, {"y": ("N", 3)}, 21)
    x = data(3, 4)
    model = ox.load(proto, verify="never")
    expected = ReferenceEvaluator(proto).run(None, {"x": x})[0]
    assert len(np.unique(expected)) < expected.size or to in (17, 18)
    close(model.predict(x)["y"], expected, 1e-6)
    e = ox.explain(model, x, ox.Gradient(), target=1)
    close(e.values[..., 0], np.broadcast_to(numpy_helper.to_array(proto.graph.initializer[0])[1], (3, 4)), 1e-6)


def test_what_integers_would_wrap_or_cut_off_is_reported_as_missing() -> None:
    w = Quantised(3)
    q, s, z = w.rounded("x")
    half = w.node("Div", q, w.zero(2))
    w.node("DequantizeLinear", half, s, z, to="y")
    with pytest.raises(ox.UnsupportedOpError, match="Div"):
        ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 4)}), verify="never")


def test_numbers_cast_to_wider_integers_are_still_the_values_that_were_rounded() -> None:
    w = Quantised(4)
    q, _, _ = w.rounded("x", 0.02, 100)
    w.nodes.append(helper.make_node("Cast", [q], ["wide"], to=TensorProto.INT32))
    centred = w.node("Sub", "wide", w.constant(np.array(100, np.int32)))
    w.nodes.append(helper.make_node("Cast", [centred], ["real"], to=FLOAT))
    w.node("Mul", "real", w.constant(0.02), to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 4)}), verify="always", dtype="float64")
    x = data(2, 4)
    e = ox.explain(model, x, ox.Gradient(), target=2)
    assert e.values[:, 2, 0].tolist() == pytest.approx([1, 1]) and not e.values[:, :2].any()


# rounding as a rule sees it -------------------------------------------------------------------------------------------


def pair(zero: int = 0) -> ox.Model:
    """y = the sum of x rounded to 0.1, between `zero` steps below 0 and as many as there are above."""
    w = Quantised(5)
    s, z = w.scale(0.1), w.zero(zero)
    q = w.node("QuantizeLinear", "x", s, z)
    w.node("MatMul", w.node("DequantizeLinear", q, s, z, to="rounded"), w.constant(np.ones((4, 1), np.float32)), to="y")
    return ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 1)}), verify="always", dtype="float64")


def test_a_pair_becomes_one_layer_with_the_derivative_of_what_it_does_not_cut_off() -> None:
    model = pair()
    assert [n.op for n in model.graph.nodes] == ["FakeQuantize", "MatMul"]
    x = np.array([[0.0, 0.34, -0.2, 25.5], [25.6, -0.04, 1.0, 100.0]])
    e = ox.explain(model, x, ox.Gradient(), target=0)
    assert e.values[..., 0].tolist() == [[1, 1, 0, 1], [0, 1, 1, 0]]
    close(model.predict(x)["y"], [[0.0 + 0.3 + 0.0 + 25.5], [25.5 + 0.0 + 1.0 + 25.5]], 1e-7)


def test_the_value_between_can_still_be_asked_for() -> None:
    model = pair()
    e = ox.explain(model, np.array([[0.52, 0.2, 1.0, 3.0]]), ox.Gradient(), target=0, layers=["rounded"])
    assert e.layer_attributions["rounded", "y"].values.ravel().tolist() == [1, 1, 1, 1]


def test_deep_lift_follows_the_steps_and_stays_complete_between_neighbours() -> None:
    model = pair(zero=128)
    x = np.array([[0.049, 0.051, 3.0, -2.0]])
    for x0 in (np.array([[0.051, 0.049, 3.0, -2.0]]), np.zeros((1, 4)), x + 1e-12):
        e = ox.explain(model, x, ox.DeepLift(baseline=x0), target=0)
        close(e.sums["y"], model.predict(x)["y"] - model.predict(x0)["y"], 1e-12, 1.0)


def test_the_audit_says_what_rounding_added() -> None:
    model = pair()
    x = np.array([[0.14, 0.26, 1.0, 2.0]])  # rounds to 0.1, 0.3, 1, 2
    for method in (ox.LRP("zero"), ox.Gradient(times_input=True), ox.DeepLift()):
        rows = {r["operator"]: r for r in ox.explain(model, x, method, target=0).audit_rows}
        assert rows["FakeQuantize"]["rounding"] == pytest.approx(-0.04 + 0.04, abs=1e-6)
        assert "rounding" not in rows["MatMul"]
    x = np.array([[0.14, 0.24, 1.0, 2.0]])
    rows = {r["operator"]: r for r in ox.explain(model, x, ox.Gradient(times_input=True), target=0).audit_rows}
    assert rows["FakeQuantize"]["rounding"] == pytest.approx(-0.08) == pytest.approx(rows["FakeQuantize"]["lost"])
    assert "rounding" in ox.explain(model, x, ox.LRP(), target=0).audit().columns


def test_a_value_beyond_the_last_rounding_s_range_is_explained_before_it() -> None:
    w = Quantised(8)
    s, z = w.scale(0.01), w.zero(0)
    h = w.node("MatMul", "x", w.constant(np.array([[1.0], [2.0]], np.float32)))
    w.node("DequantizeLinear", w.node("QuantizeLinear", h, s, z), s, z, to="y")
    model = ox.load(w.model({"x": ("N", 2)}, {"y": ("N", 1)}), verify="always", dtype="float64")
    x = np.array([[3.0, 4.0]])  # the range ends at 2.55
    assert model.predict(x)["y"] == pytest.approx(2.55)
    e = ox.explain(model, x, ox.LRP("zero"), target=0)
    close(e.values[0, :, 0], [3.0, 8.0], 1e-6)
    assert any("before its rounding" in n for n in e.notes)
    assert not ox.explain(model, x, ox.Gradient(ignore_last_activation=False), target=0).values.any()


def test_a_softmax_is_left_out_with_the_rounding_behind_it() -> None:
    w = Quantised(7)
    s, z = w.scale(1 / 255), w.zero(0)
    h = w.node("Softmax", w.dense("x", 4, 3, to="scores"), axis=-1)
    w.node("DequantizeLinear", w.node("QuantizeLinear", h, s, z), s, z, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), verify="always", dtype="float64")
    e = ox.explain(model, data(2, 4), ox.Gradient(), target=1)
    weights = numpy_helper.to_array(next(t for t in w.initializers if t.dims == [3, 4]))
    close(e.values[..., 0], np.broadcast_to(weights[1], (2, 4)), 1e-7)


def test_a_zero_point_takes_no_relevance() -> None:
    x = np.array([[0.4, 0.3, 1.0, 2.0]])
    for zero in (0, 77):
        e = ox.explain(pair(zero=zero), x, ox.LRP("zero"), target=0)
        close(e.values[0, :, 0], [0.4, 0.3, 1.0, 2.0], 1e-6)


def test_a_range_that_ends_at_zero_is_a_rectifier_and_gives_nonnegative_values() -> None:
    fake = pair().graph.nodes[0].layer
    assert isinstance(fake, FakeQuantize) and fake.rectifying and fake.nonnegative((False,))
    other = pair(zero=3).graph.nodes[0].layer
    assert isinstance(other, FakeQuantize) and not other.rectifying and not other.nonnegative((False,))
    e = ox.explain(pair(), np.array([[0.5, -1.0, 2.0, 0.1]]), ox.GuidedBackprop(), target=0)
    assert e.values[0, :, 0].tolist() == [1, 0, 1, 1]


# integers at the ends -------------------------------------------------------------------------------------------------


def picture() -> ModelProto:
    """Bytes in, bytes out."""
    w = Quantised(6)
    s, z = w.scale(1 / 255), w.zero(0)
    h = w.node("DequantizeLinear", "x", s, z, to="brightness")
    h = w.node("Flatten", w.node("Relu", w.node("Conv", h, w.weight(2, 1, 2, 2))))
    h = w.node("MatMul", h, w.weight(18, 3), to="scores")
    w.node("QuantizeLinear", h, w.scale(0.1), w.zero(120), to="y")
    return w.model({"x": ("N", 1, 4, 4)}, {"y": ("N", 3)}, types={"x": UINT8, "y": UINT8})


def test_bytes_are_explained_pixel_by_pixel_at_their_first_floating_value() -> None:
    x = np.random.default_rng(0).integers(0, 256, (2, 1, 4, 4)).astype(np.uint8)
    model = ox.load(picture(), verify="always", dtype="float64")
    e = ox.explain(model, x, ox.LRP("epsilon"), target=[0, 2], layers=["brightness"])
    close(e.values, e.layer_attributions["brightness", "y"].values, 1e-12)
    assert e.values.shape == (2, 1, 4, 4, 2) and any("'brightness'" in n for n in e.notes)
    deep_lift_is_complete(model, {"x": x}, 1e-9, units={"y": [0, 2]})


def test_a_quantised_output_keeps_its_type_and_can_be_explained() -> None:
    x = np.random.default_rng(1).integers(0, 256, (2, 1, 4, 4)).astype(np.uint8)
    for dtype in ("float32", "float64"):
        model = ox.load(picture(), verify="never", dtype=dtype)
        y = model.predict(x)["y"]
        assert y.dtype == np.uint8
        np.testing.assert_array_equal(y, onnxruntime_outputs(picture(), {"x": x})["y"])
        assert np.abs(ox.explain(model, x, "gradient", target="predicted").values).max() > 0


def test_a_model_in_float8_pairs_is_verified() -> None:
    w = Quantised(9)
    s = w.scale(0.02)
    zero = numpy_helper.from_array(np.zeros((), helper.tensor_dtype_to_np_dtype(17)), "zero")
    w.initializers.append(zero)
    h = w.node("DequantizeLinear", w.node("QuantizeLinear", "x", s, "zero"), s, "zero")
    w.dense(h, 5, 3, to="y")
    proto = w.model({"x": ("N", 5)}, {"y": ("N", 3)}, 19)
    model = ox.load(proto, verify="always", dtype="float64")
    deep_lift_is_complete(model, {"x": data(2, 5)}, 1e-9, units={"y": [0, 1]})
