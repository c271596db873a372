"""TensorFlow without Keras: SavedModels, functions, modules, frozen graphs, TFLite; predicted and explained as TensorFlow
itself would."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from ..promises import assert_close, deep_lift_is_complete

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf

from onnxplain_converters import ConversionError, to_onnx

Spec = tf.TensorSpec


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


class Net(tf.Module):
    """Two layers, two outputs by name."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.v = tf.Variable(numbers(5, 4, seed=1)), tf.Variable(numbers(4, 3, seed=2))

    @tf.function(input_signature=[Spec((None, 5), name="flowers")])
    def __call__(self, flowers):  # type: ignore[no-untyped-def]
        hidden = tf.nn.softplus(flowers @ self.w)
        return {"species": tf.nn.softmax(hidden @ self.v), "score": hidden @ self.v}


@tf.function(input_signature=[Spec((None, 6), name="series")])
def looped(x):  # type: ignore[no-untyped-def]
    state = tf.zeros_like(x[:, 0])
    for k in tf.range(6):
        state = tf.tanh(state + x[:, k])
    return state


@tf.function(input_signature=[Spec((None, 7, 6, 2), name="image"), Spec((None, 3), name="table")])
def mixed(image, table):  # type: ignore[no-untyped-def]
    y = tf.nn.depthwise_conv2d(image, tf.constant(numbers(3, 3, 2, 2, seed=3)), [1, 1, 1, 1], "SAME")
    y = tf.nn.max_pool2d(tf.nn.gelu(y), 2, 2, "SAME")
    return tf.concat([tf.reduce_mean(y, [1, 2]), tf.math.expm1(table)], 1)


FUNCTIONS: dict[str, tuple[Callable[[], Any], tuple[np.ndarray, ...]]] = {
    "module": (Net, (numbers(3, 5),)),
    "loop": (lambda: looped, (numbers(3, 6),)),
    "mixed": (lambda: mixed, (numbers(3, 7, 6, 2), numbers(3, 3, seed=5))),
    "concrete": (lambda: mixed.get_concrete_function(), (numbers(3, 7, 6, 2), numbers(3, 3, seed=5))),
}


@cache
def source(name: str) -> Any:
    return FUNCTIONS[name][0]()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_predicts_and_is_explained_as_tensorflow_does(name: str) -> None:
    arrays = FUNCTIONS[name][1]
    model = ox.load(source(name), dtype="float64")
    data = {n: x.astype(np.float64) for n, x in zip(model.inputs, arrays, strict=True)}
    given = [tf.constant(x) for x in arrays]
    with tf.GradientTape() as tape:
        tape.watch(given)
        y = source(name)(*given)
        (output, y), *_ = sorted(y.items()) if isinstance(y, dict) else [("output", y)]
        unit = tf.reshape(y, (3, -1))[:, 0]
    assert_close(model.predict(data)[output], y.numpy(), 1e-5)
    e = ox.explain(model, data, ox.Gradient(ignore_last_activation=False), target={output: [0]})
    for i, g in zip(model.inputs, tape.gradient(unit, given), strict=True):
        assert_close(e.attributions[i, output].values[..., 0], g.numpy(), 1e-5)
    deep_lift_is_complete(model, data, 1e-6, {n: 0.3 * x[::-1] for n, x in data.items()}, ignore=False)


def saved(folder: Path) -> Path:
    net = Net()
    tf.saved_model.save(net, str(folder), signatures={"serving_default": net.__call__, "twice": lookup()})
    return folder


def lookup() -> Any:
    @tf.function(input_signature=[Spec((None, 5), name="x")])
    def twice(x):  # type: ignore[no-untyped-def]
        return {"doubled": 2 * x}

    return twice


def test_a_saved_model_is_called_by_its_signature(tmp_path: Path) -> None:
    folder, x = saved(tmp_path / "net"), numbers(3, 5)
    for given in (str(folder), str(folder / "saved_model.pb"), tf.saved_model.load(str(folder))):
        model = ox.load(given)
        assert (list(model.inputs), list(model.outputs)) == (["flowers"], ["score", "species"])
        assert_close(model.predict(x)["species"], Net()(x)["species"].numpy(), 1e-5)
    assert_close(ox.load(str(folder), options={"signature": "twice"}).predict(x)["doubled"], 2 * x, 1e-5)
    with pytest.raises(ConversionError, match="no signature 'thrice': it has serving_default, twice"):
        to_onnx(folder, signature="thrice")


def small() -> keras.Model:
    keras.utils.set_random_seed(0)
    i = keras.Input((9, 8, 3), name="image")
    x = keras.layers.Conv2D(4, 3, activation="gelu")(i)
    return keras.Model(i, keras.layers.Dense(2, name="kind")(keras.layers.Flatten()(x)))


def test_what_keras_exports_as_a_saved_model_predicts_as_the_model(tmp_path: Path) -> None:
    model, x = small(), numbers(3, 9, 8, 3)
    model.export(str(tmp_path / "net"), verbose=False)
    loaded = ox.load(str(tmp_path / "net"))
    assert_close(next(iter(loaded.predict(x).values())), model(x).numpy(), 1e-5)
    assert loaded.inputs["image"].shape == (None, 9, 8, 3)


@pytest.mark.parametrize("quantised", [False, True])
def test_a_tflite_file_predicts_as_the_interpreter(quantised: bool, tmp_path: Path) -> None:
    writer, x = tf.lite.TFLiteConverter.from_keras_model(small()), numbers(1, 9, 8, 3)
    if quantised:
        writer.optimizations = [tf.lite.Optimize.DEFAULT]
        writer.representative_dataset = lambda: ([numbers(1, 9, 8, 3, seed=k)] for k in range(5))
    path = tmp_path / "net.tflite"
    path.write_bytes(writer.convert())
    runner = tf.lite.Interpreter(model_path=str(path)).get_signature_runner()
    model = ox.load(str(path))
    (expected,) = runner(image=x).values()
    assert list(model.inputs) == ["image"]
    assert_close(next(iter(model.predict(x).values())), expected, 1e-5)
    deep_lift_is_complete(model, {"image": x}, 1e-3, {"image": 0.2 * x}, ignore=False)


def test_a_frozen_graph_is_called_from_its_placeholders_to_what_nothing_reads(tmp_path: Path) -> None:
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    path, x = tmp_path / "frozen.pb", numbers(3, 5)
    net = Net()
    frozen = convert_variables_to_constants_v2(net.__call__.get_concrete_function())
    path.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    model = ox.load(str(path))
    assert list(model.inputs) == ["flowers"] and len(model.outputs) == 2
    inner = ox.load(str(path), options={"inputs": "flowers", "outputs": "Softplus"})
    assert_close(inner.predict(x)["Softplus"], np.logaddexp(0, x @ numbers(5, 4, seed=1)), 1e-5)
    with pytest.raises(ConversionError, match=r"no operations \['nowhere'\]"):
        to_onnx(path, outputs="nowhere")


def test_a_function_without_a_signature_is_shown_an_example() -> None:
    @tf.function
    def gated(x, gate):  # type: ignore[no-untyped-def]
        return {"y": x * tf.sigmoid(gate)}

    with pytest.raises(ConversionError, match="must be shown: give an example"):
        to_onnx(gated)
    x = numbers(3, 4)
    for example in ((x, x), {"x": x, "gate": x}):
        model = ox.load(gated, example=example)
        assert model.inputs["gate"].shape == (None, 4)
        assert_close(model.predict({"x": x[:1], "gate": x[:1]})["y"], (x / (1 + np.exp(-x)))[:1], 1e-5)


def test_a_function_that_decides_by_data_keeps_its_branches() -> None:
    @tf.function(input_signature=[Spec((1, 4), name="x")])
    def either(x):  # type: ignore[no-untyped-def]
        if tf.reduce_sum(x) > 0:
            return 2 * x
        return -x

    proto = to_onnx(either)
    assert [n.op_type for n in proto.graph.node if n.op_type == "If"]
    model, x = ox.load(proto), np.ones((1, 4), "float32")
    assert_close(model.predict(x)["output"], 2 * x, 1e-6)
    assert_close(model.predict(-x)["output"], x, 1e-6)


def test_what_cannot_be_converted_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @tf.function(input_signature=[Spec((None,), tf.string, name="words")])
    def lengths(words):  # type: ignore[no-untyped-def]
        return tf.cast(tf.strings.length(words), tf.float32)

    (tmp_path / "saved_model.pb").write_bytes(b"nothing")
    (tmp_path / "net.tflite").write_bytes(b"nothing")
    for model, example, reason in (
        (tmp_path, None, "cannot be read as a SavedModel"),
        (tmp_path / "net.tflite", None, "cannot be read as a TFLite model"),
        (lengths, None, "takes text"),
        (lengths, np.array(["a", "bc"]), "no ONNX for the operator of TensorFlow's: StringLength"),
        (Net(), numbers(3, 4), r"'flowers' float32 \(N, 5\); the example has float32 \(3, 4\)"),
        (tf.Module(), numbers(3, 4), "no function, module or SavedModel"),
    ):
        with pytest.raises(ConversionError, match=reason):
            to_onnx(model, example)
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ox.errors.MissingDependencyError, match=r"onnxplain\[keras\]"):
        ox.load(Net())
