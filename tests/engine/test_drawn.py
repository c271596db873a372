"""Random numbers, and layers left in training mode: the same at every call, and explained as they ran."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

import onnxplain as ox

rng = np.random.default_rng(0)
X = rng.standard_normal((3, 4))


def model(body: str, outputs: str = "float[n, 4] y", more: str = "") -> Any:
    text = f"""<ir_version: 8, opset_import: ["": 17]>
    net (float[n, 4] x{more}) => ({outputs}) {{ {body} }}"""
    return ox.load(onnx.parser.parse_model(text), dtype="float64", verify="never")


@pytest.mark.parametrize(
    ("op", "wanted"),
    [
        ("RandomNormalLike <seed = 5.0, mean = 2.0, scale = 3.0>", lambda s: s.standard_normal((3, 4)) * 3 + 2),
        ("RandomUniformLike <seed = 5.0, low = -1.0, high = 3.0>", lambda s: s.random_sample((3, 4)) * 4 - 1),
        ("Bernoulli <seed = 5.0>", lambda s: s.random_sample((3, 4)) < 1 / (1 + np.exp(-X))),
    ],
    ids=["normal", "uniform", "bernoulli"],
)
def test_a_seed_names_the_numbers_that_numpy_draws_by_it(op: str, wanted: Any) -> None:
    y = model(f"p = Sigmoid (x)  r = {op} (p)  y = Identity (r)").predict(X)["y"]
    np.testing.assert_allclose(y, wanted(np.random.RandomState(5)), rtol=1e-12)


def test_numbers_of_a_stated_shape() -> None:
    y = model("r = RandomNormal <seed = 2.0, shape = [3, 4]> ()  y = Add (x, r)").predict(X)["y"]
    np.testing.assert_allclose(y, X + np.random.RandomState(2).standard_normal((3, 4)), rtol=1e-12)


def test_classes_are_drawn_as_often_as_their_chances_say() -> None:
    m = model("y = Multinomial <sample_size = 20000, seed = 1.0> (x)", "int32[n, k] y")
    drawn = m.predict(X)["y"]
    chances = np.exp(X) / np.exp(X).sum(1, keepdims=True)
    found = np.stack([(drawn == k).mean(1) for k in range(4)], 1)
    assert drawn.dtype == np.int32 and np.abs(found - chances).max() < 0.02


def test_without_a_seed_a_node_draws_the_same_at_every_call_and_another_node_others() -> None:
    m = model("a = RandomNormalLike (x)  b = RandomNormalLike (x)  y = Concat <axis = 1> (a, b)", "float[n, 8] y")
    y, again = m.predict(X)["y"], m.predict(X)["y"]
    assert np.array_equal(y, again)
    assert np.abs(y[:, :4] - y[:, 4:]).min() > 1e-3


NOISY = "noise = RandomNormalLike (x)  e = Exp (x)  s = Mul (noise, e)  z = Add (x, s)  y = Tanh (z)"


@pytest.mark.parametrize("method", ["gradient", "deeplift", "lrp", "integrated_gradients"])
def test_samples_are_explained_one_by_one_with_the_numbers_of_a_call_of_their_own(method: str) -> None:
    m = model(NOISY)
    together = ox.explain(m, X, method, target=1)
    for k in range(3):
        alone = ox.explain(m, X[k : k + 1], method, target=1)
        np.testing.assert_allclose(together.values[k], alone.values[0], rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(together.predictions["y"][k, 0], m.predict(X[k : k + 1])["y"][0, 1], rtol=1e-12)


def test_noise_is_a_constant_to_gradient_and_deeplift() -> None:
    m, x = model(NOISY), X[:1]
    noise = np.arctanh(m.predict(x)["y"]) - x  # = noise · exp(x)
    wanted = (1 - m.predict(x)["y"] ** 2) * (1 + noise)
    found = ox.explain(m, x, "gradient", target=2).values[..., 0]
    np.testing.assert_allclose(found[0, 2], wanted[0, 2], rtol=1e-9)
    assert np.count_nonzero(found) == 1
    ox.explain(m, x, ox.DeepLift(baseline=rng.standard_normal((1, 4))), target="all").check(rtol=1e-10)


def test_nothing_passes_what_is_drawn_by_chances() -> None:
    m = model("p = Sigmoid (x)  b = Bernoulli (p)  y = Mul (b, x)")
    b = m.predict(X[:1])["y"] != 0
    found = ox.explain(m, X[:1], "gradient", target="all").values[0]
    np.testing.assert_array_equal(found, np.diag(b[0].astype(float)))


def test_load_says_that_onnxruntime_draws_others() -> None:
    proto = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> net (float[n, 4] x) => (float[n, 4] y) { r = RandomNormalLike (x) y = Add (x, r) }'
    )
    with pytest.warns(UserWarning, match="draws random numbers, at nodes .'RandomNormalLike_0'.: here the same at every call"):
        ox.load(proto)
    with pytest.raises(ox.VerificationError, match="draws random numbers"):
        ox.load(proto, verify="always")


DROPOUT = "t = Constant <value = bool {1}> ()  r = Constant <value = float {0.25}> ()  y = Dropout <seed = 7> (x, r, t)"


def test_dropout_in_training_mode_scales_what_it_keeps() -> None:
    kept = np.random.RandomState(7).random_sample((3, 4)) >= 0.25
    np.testing.assert_allclose(model(DROPOUT).predict(X)["y"], np.where(kept, X / 0.75, 0), rtol=1e-12)
    masked = model(DROPOUT.replace("y = ", "y, mask = "), "float[n, 4] y, bool[n, 4] mask").predict(X)
    np.testing.assert_array_equal(masked["mask"], kept)
    np.testing.assert_allclose(masked["y"], np.where(kept, X / 0.75, 0), rtol=1e-12)


def test_dropout_in_training_mode_passes_relevance_of_what_it_keeps() -> None:
    kept = np.random.RandomState(7).random_sample((1, 4)) >= 0.25
    found = ox.explain(model(DROPOUT), X[:1], "gradient", target="all").values[0]
    np.testing.assert_allclose(found, np.diag(np.where(kept[0], 1 / 0.75, 0)), rtol=1e-12)


def test_a_dropout_whose_mode_is_computed_drops_in_training_only() -> None:
    m = model("y = Dropout <seed = 7> (x, r, t)", more=", float r, bool t")
    kept = np.random.RandomState(7).random_sample((3, 4)) >= 0.25
    feeds: dict[str, Any] = {"x": X, "r": np.float32(0.25)}
    np.testing.assert_array_equal(m.predict({**feeds, "t": np.array(False)})["y"], X)
    np.testing.assert_allclose(m.predict({**feeds, "t": np.array(True)})["y"], np.where(kept, X / 0.75, 0), rtol=1e-12)
    training = {**feeds, "t": np.array(True)}
    ox.explain(m, training, ox.DeepLift(baseline={**training, "x": -X}), target="all").check(rtol=1e-10)


def trained(rank: int) -> Any:
    shape = "n, 3" + ", 5" * (rank - 2)
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["": 17]>
        net (float[{shape}] x) => (float[{shape}] y, float[3] m2, float[3] v2)
        <float[3] s = {{0.5, -1.0, 2.0}}, float[3] b = {{0.1, 0.2, 0.3}}, float[3] m = {{0, 1, 2}}, float[3] v = {{1, 2, 3}}>
        {{ y, m2, v2 = BatchNormalization <training_mode = 1, momentum = 0.8, epsilon = 1e-3> (x, s, b, m, v) }}"""
    )


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_batch_normalisation_in_training_mode_takes_the_batchs_statistics(rank: int) -> None:
    x = rng.standard_normal((300, 3, *[5] * (rank - 2)))
    axes = (0, *range(2, rank))
    s, b, mean, var = (np.reshape(c, (-1, *[1] * (rank - 2))) for c in ([0.5, -1, 2], [0.1, 0.2, 0.3], [0, 1, 2], [1, 2, 3]))
    at, spread = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    made = ox.load(trained(rank), dtype="float64").predict(x)
    np.testing.assert_allclose(made["y"], (x - at) / np.sqrt(spread + 1e-3) * s + b, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(made["m2"], (mean * 0.8 + at[0] * 0.2).ravel(), rtol=1e-6)
    np.testing.assert_allclose(made["v2"], (var * 0.8 + spread[0] * 0.2).ravel(), rtol=1e-6)


def test_batch_normalisation_in_training_mode_is_explained_sample_by_sample() -> None:
    m = ox.load(trained(4), dtype="float64")
    x = rng.standard_normal((2, 3, 5, 5))
    e = ox.explain(m, x, ox.DeepLift(baseline=rng.standard_normal((1, 3, 5, 5))), target={"y": (0, 1, 1)})
    e.check(rtol=1e-9)
    np.testing.assert_allclose(e.predictions["y"][1, 0], m.predict(x[1:])["y"][0, 0, 1, 1], rtol=1e-10)
