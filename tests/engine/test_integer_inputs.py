"""Integer inputs are explained at the first floating value computed from them, summed back onto their positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper

import onnxplain as ox

from .build import Writer
from .models import CASES, INT64, loaded
from .oracle import close, gradient, run, tensors

N = 3
pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
AT = {"ids": "embedded ids", "kinds": "embedded kinds"}


@pytest.mark.parametrize("k", [0, 2])
def test_the_gradient_is_summed_over_the_embedding_axis(k: int) -> None:
    data, model = CASES["embedding"].data(N), loaded("embedding")
    e = ox.explain(model, data, ox.Gradient(times_input=True), target=k)
    at = run(model, tensors(data), list(AT.values()))
    for name, value in AT.items():
        grads = gradient(model, data, lambda v: v["y"][:, k], ["y"], (value,))[value]
        close(e[name].values[..., 0], (grads * at[value].numpy()).sum(-1), 1e-10)
        assert e[name].values.shape == (N, 5, 1)


def test_the_notes_say_where_integers_are_explained() -> None:
    e = ox.explain(loaded("embedding"), CASES["embedding"].data(N), "gradient")
    for name, value in AT.items():
        assert any(repr(name) in n and repr(value) in n for n in e.notes)


@pytest.mark.parametrize(
    "baseline", [0, 4, {"ids": 10, "kinds": 2}, {"ids": np.array([1, 2, 3, 4, 5]), "kinds": 0}], ids=str
)
def test_deeplift_from_a_token_is_complete(baseline: Any) -> None:
    if baseline == 4:
        baseline = {"ids": 4, "kinds": 1}
    data, model = CASES["embedding"].data(N), loaded("embedding")
    e = ox.explain(model, data, ox.DeepLift(baseline=baseline), target="all")
    given = baseline if isinstance(baseline, dict) else dict.fromkeys(data, baseline)
    base = {n: np.broadcast_to(np.asarray(given[n]), x.shape).astype(np.int64) for n, x in data.items()}
    expected = model.predict(data)["y"] - model.predict(base)["y"]
    close(sum(e[n].values.sum(1) for n in data), expected, 1e-12)
    close(e.goals["y"], expected, 1e-12)


def test_a_token_that_is_the_baseline_gets_nothing() -> None:
    data = CASES["embedding"].data(N)
    data["ids"][:, 2], data["kinds"][:, 2] = 7, 1
    e = ox.explain(loaded("embedding"), data, ox.DeepLift(baseline={"ids": 7, "kinds": 1}), target="all")
    assert not e["ids"].values[:, 2].any() and not e["kinds"].values[:, 2].any() and e["ids"].values.any()


def test_a_token_that_does_not_exist_is_named() -> None:
    with pytest.raises(ox.OnnxplainError, match="Gather"):
        ox.explain(loaded("embedding"), CASES["embedding"].data(N), ox.DeepLift(baseline=99))
    with pytest.raises(ox.InputError, match="whole number"):
        ox.explain(loaded("embedding"), CASES["embedding"].data(N), ox.DeepLift(baseline=0.5))


@pytest.mark.parametrize("method", ["integrated_gradients", "lrp", "smoothgrad", "expected_gradients", "deepshap"])
def test_every_method_gives_one_number_per_token(method: str) -> None:
    from .table import METHODS

    e = ox.explain(loaded("embedding"), CASES["embedding"].data(N), METHODS[method]("embedding"), target="all", seed=0)
    assert e["ids"].values.shape == e["kinds"].values.shape == (N, 5, 3)
    assert e["ids"].values.any()


def cast(w: Writer, value: str, made: str) -> str:
    w.nodes.append(helper.make_node("Cast", [value], [made], name=f"cast {value}", to=TensorProto.FLOAT))
    return made


def mask_model() -> ox.Model:
    """Ids beside a mask of integers that is cast to floats, and positions made from shapes alone."""
    w = Writer(101)
    h = w.node("Gather", w.weight(9, 6), "ids", to="embedded")
    n = w.node("Shape", "ids")
    length = w.node("Gather", n, w.constant(1))
    steps = w.node("Range", w.constant(0), length, w.constant(1))
    h = w.node("Add", h, w.node("Gather", w.weight(20, 6), steps))
    m = w.node("Unsqueeze", cast(w, "mask", "as floats"), w.constant([2]))
    h = w.node("Mul", w.node("Tanh", w.node("MatMul", h, w.weight(6, 6))), m)
    total = w.node("ReduceSum", h, w.constant([1]), keepdims=0)
    w.dense(total, 6, 3, to="y")
    proto = w.model({"ids": ("N", "L"), "mask": ("N", "L")}, {"y": ("N", 3)}, types={"ids": INT64, "mask": INT64})
    return ox.load(
        proto, dtype="float64", verify="always", example={"ids": np.ones((2, 4), int), "mask": np.ones((2, 4), int)}
    )


def test_a_mask_cast_to_floats_is_explained_at_the_cast() -> None:
    model = mask_model()
    random = np.random.default_rng(0)
    data = {"ids": random.integers(9, size=(N, 7)), "mask": random.integers(2, size=(N, 7))}
    e = ox.explain(model, data, "gradient_input", target="all")
    for k in range(3):
        grads = gradient(model, data, lambda v, k=k: v["y"][:, k], ["y"], ("as floats", "embedded"))
        close(e["mask"].values[..., k], grads["as floats"] * data["mask"])
        at = run(model, tensors(data), ["embedded"])["embedded"].numpy()
        close(e["ids"].values[..., k], (grads["embedded"] * at).sum(-1))
    e = ox.explain(model, data, "deeplift", target="all")
    close(e.sums["y"], model.predict(data)["y"] - model.predict({n: x * 0 for n, x in data.items()})["y"], 1e-12)


def test_one_input_embedded_twice_gets_the_sum() -> None:
    w = Writer(102)
    a = w.node("Gather", w.weight(9, 6), "ids", to="first")
    b = w.node("Gather", w.weight(9, 4), "ids", to="second")
    w.dense(w.node("Tanh", w.node("ReduceMean", w.node("Concat", a, b, axis=2), axes=[1], keepdims=0)), 10, 3, to="y")
    model = ox.load(w.model({"ids": ("N", 5)}, {"y": ("N", 3)}, types={"ids": INT64}), dtype="float64")
    data = {"ids": np.random.default_rng(1).integers(9, size=(N, 5))}
    e = ox.explain(model, data, "gradient_input", target=1)
    grads = gradient(model, data, lambda v: v["y"][:, 1], ["y"], ("first", "second"))
    at = run(model, tensors(data), ["first", "second"])
    close(e.values[..., 0], sum((grads[v] * at[v].numpy()).sum(-1) for v in ("first", "second")))


def test_a_one_hot_code_is_summed_over_its_classes() -> None:
    w = Writer(103)
    code = w.node("OneHot", "class", w.constant(5), w.constant([0.0, 1.0]), to="code")
    w.dense(w.node("Tanh", w.node("Concat", w.dense("x", 4, 3), w.dense(code, 5, 3), axis=1)), 6, 2, to="y")
    model = ox.load(w.model({"x": ("N", 4), "class": ("N",)}, {"y": ("N", 2)}, types={"class": INT64}), dtype="float64")
    data = {"x": CASES["linear"].data(N)["x"], "class": np.array([0, 3, 4])}
    e = ox.explain(model, data, ox.DeepLift(baseline={"x": 0.1, "class": 2}), target="all")
    assert e["class"].values.shape == (N, 2)
    close(
        e.sums["y"],
        model.predict(data)["y"] - model.predict({"x": data["x"] * 0 + 0.1, "class": np.full(N, 2)})["y"],
        1e-12,
    )


def test_an_integer_input_of_any_width_is_taken() -> None:
    for kind, numpy_kind in ((TensorProto.INT32, np.int32), (TensorProto.UINT8, np.uint8), (TensorProto.INT8, np.int8)):
        w = Writer(104)
        w.dense(cast(w, "n", "floats"), 4, 3, to="y")
        model = ox.load(w.model({"n": ("N", 4)}, {"y": ("N", 3)}, types={"n": kind}), dtype="float64", verify="always")
        data = np.arange(8).reshape(2, 4)
        e = ox.explain(model, data, "gradient_input", target="all")
        close(e.values, ox.explain(model, data.astype(numpy_kind), "gradient_input", target="all").values)
        with pytest.raises(ox.InputError, match="values outside"):
            ox.explain(model, data + 10**10, "gradient")
