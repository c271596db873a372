"""Keras models as objects and as files: what survives the conversion, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.cli import convert_main

from ..promises import assert_close

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
from keras import layers as L

from onnxplain_converters import ConversionError, to_onnx
from onnxplain_converters.from_keras import source as keras_source

from . import keras_layers as zoo

X = np.random.default_rng(0).normal(size=(3, 5)).astype("float32")


def iris() -> keras.Model:
    keras.utils.set_random_seed(0)
    i = keras.Input((5,), name="flowers")
    return keras.Model(i, L.Dense(3, "softmax", name="species")(L.Dense(4, "tanh", name="hidden")(i)))


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_a_file_predicts_as_the_model_that_was_saved(suffix: str, tmp_path: Path) -> None:
    model, path = iris(), tmp_path / f"net{suffix}"
    model.save(path)
    loaded = ox.load(str(path))
    assert_close(loaded.predict(X)["species"], model(X).numpy(), 1e-5)
    assert list(loaded.inputs) == ["flowers"]


def test_names_of_inputs_outputs_and_layers_survive() -> None:
    image, table = keras.Input((9, 8, 3), name="scan"), keras.Input((4,), name="patient")
    x = L.Flatten(name="flat")(L.Conv2D(2, 3, activation="relu", name="edges")(image))
    shared = L.Dense(3, "relu", name="dense")
    both = L.Concatenate(name="both")([shared(table), shared(L.Dense(4, name="dense_1")(x))])
    kind = L.Dense(2, "softmax", name="kind")(both)
    model = keras.Model({"scan": image, "patient": table}, {"kind": kind, "risk": L.Dense(1, name="head")(both)})
    proto = to_onnx(model)
    assert [i.name for i in proto.graph.input] == ["patient", "scan"]
    assert [o.name for o in proto.graph.output] == ["kind", "risk"]
    nodes = [n.name for n in proto.graph.node]
    assert {"edges/Conv", "dense/MatMul", "dense/MatMul_1", "dense_1/MatMul", "kind/Softmax", "head/MatMul"} <= set(
        nodes
    )
    assert {"edges/kernel", "dense/kernel", "dense_1/kernel"} <= {t.name for t in proto.graph.initializer}


def test_a_nested_layer_is_named_with_those_around_it() -> None:
    proto = to_onnx(zoo.model("residual"))
    assert {"first/inner/MatMul", "first/outer/MatMul", "second/inner/MatMul"} <= {n.name for n in proto.graph.node}


def test_names_of_columns_survive_to_the_table() -> None:
    frame = pytest.importorskip("pandas").DataFrame(X, columns=list("abcde"))
    model = ox.load(iris(), example=frame)
    assert model.inputs["flowers"].labels == {"feature": tuple("abcde")}
    assert set(ox.explain(model, X, "gradient").to_frame()["feature"]) == set("abcde")


def test_an_image_is_explained_in_its_own_layout() -> None:
    model = keras.Sequential(
        [L.Input((9, 8, 3), name="image"), L.Conv2D(4, 3, strides=2), L.ReLU(), L.Flatten(), L.Dense(2)]
    )
    x = np.random.default_rng(0).normal(size=(2, 9, 8, 3)).astype("float32")
    e = ox.explain(ox.load(model), x, ox.LRP())
    assert e.values.shape == (2, 9, 8, 3, 1)
    assert e.to_xarray().dims[1:4] == ("height", "width", "channel")


def test_a_written_out_batch_normalisation_is_merged_into_its_dense_layer() -> None:
    ops = [n.op for n in ox.load(zoo.model("batch_norm")).graph.nodes]
    assert ops == ["MatMul", "MatMul"]


@pytest.mark.parametrize("name", ["mobilenet_v3", "convnext"])
def test_convolutions_keep_few_transposes(name: str) -> None:
    from . import keras_zoo

    ops = [n.op_type for n in to_onnx(keras_zoo.model(name)).graph.node]
    assert ops.count("Transpose") <= 4


@pytest.mark.parametrize("called", ["example", "before"])
def test_a_subclassed_model_is_shown_or_was_called(called: str) -> None:
    model = zoo.Subclassed()
    if called == "before":
        model(X)
    loaded = ox.load(model, example=X if called == "example" else None)
    assert list(loaded.inputs) == ["x"]
    assert_close(loaded.predict(X)["score"], model(X)["score"].numpy(), 1e-5)
    assert_close(loaded.predict(X)["code"], model(X)["code"].numpy(), 1e-5)


def test_a_subclassed_model_in_a_file_says_what_it_takes(tmp_path: Path) -> None:
    model = zoo.Subclassed()
    expected = model(X)["score"].numpy()
    model.save(tmp_path / "net.keras")
    assert_close(ox.load(str(tmp_path / "net.keras")).predict(X)["score"], expected, 1e-5)


def test_a_layer_alone_and_a_model_of_several_arguments_are_taken() -> None:
    class Two(keras.Model):
        def call(self, left: Any, right: Any, training: bool = False) -> Any:
            return left * keras.ops.tanh(right)

    model = ox.load(Two(), example=(X, X + 1))
    assert_close(model.predict({"left": X, "right": X})["output"], X * np.tanh(X), 1e-5)
    assert ox.load(L.Dense(3), example=X).predict(X)["output"].shape == (3, 3)


def test_series_of_any_length_stay_so() -> None:
    model = keras.Sequential([L.Input((None, 3), name="x"), L.LSTM(4)])
    loaded = ox.load(model)
    assert loaded.inputs["x"].shape == (None, None, 3)
    for length in (5, 11):
        x = np.random.default_rng(0).normal(size=(2, length, 3)).astype("float32")
        assert_close(next(iter(loaded.predict(x).values())), model(x).numpy(), 1e-5)


def test_a_model_that_was_built_for_some_number_of_samples_takes_any() -> None:
    called = keras.Sequential([L.Dense(3)])
    called(X[:2])
    for model in (keras.Sequential([L.Input(batch_shape=(2, 5)), L.Dense(3)]), called):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            proto = to_onnx(model)
        assert proto.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "N"


@keras.saving.register_keras_serializable("unknown")
class Halved(L.Layer):
    def call(self, x: Any) -> Any:
        return x / 2


def test_a_file_of_an_unknown_class_names_it_and_a_file_of_something_else_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keras.Sequential([keras.Input((3,)), Halved()]).save(tmp_path / "net.keras")
    (tmp_path / "text.keras").write_text("weights", encoding="utf-8")
    with pytest.raises(ox.ConverterError, match="no file that Keras 3 wrote"):
        ox.load(tmp_path / "text.keras")
    known = dict(keras.saving.get_custom_objects())
    keras.saving.get_custom_objects().pop("unknown>Halved")
    monkeypatch.setattr(Halved, "__module__", "nowhere")
    try:
        with pytest.raises(ox.ConverterError, match="not known here, .*Halved") as caught:
            ox.load(tmp_path / "net.keras")
    finally:
        keras.saving.get_custom_objects().update(known)
    assert "\n" not in str(caught.value)
    assert ox.load(tmp_path / "net.keras").predict(X[:, :3])["halved"].shape == (3, 3)


def test_a_model_that_mixes_its_samples_is_exported_for_a_fixed_number_with_a_warning() -> None:
    i = keras.Input((3,), name="x")
    model = keras.Model(i, L.Lambda(lambda x: keras.ops.reshape(x, (2, -1)))(i))
    with pytest.warns(UserWarning, match="2 samples at a time, no more and no less"):
        to_onnx(model, X[:2, :3])


def test_the_command_line_converts_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    iris().save(tmp_path / "net.keras")
    assert not convert_main([str(tmp_path / "net.keras"), str(tmp_path / "net.onnx")])
    assert ox.load(tmp_path / "net.onnx").predict(X)["species"].shape == (3, 3)


def test_a_lambda_in_a_file_is_read_only_where_it_is_trusted(tmp_path: Path) -> None:
    model, path = zoo.model("lambda"), tmp_path / "net.keras"
    model.save(path)
    with pytest.raises(ox.errors.ConverterError, match="runs code from the file"):
        ox.load(str(path))
    assert_close(next(iter(ox.load(str(path), options={"trust": True}).predict(X).values())), model(X).numpy(), 1e-5)


def test_what_cannot_be_converted_says_why(tmp_path: Path) -> None:
    weights, broken = tmp_path / "net.weights.h5", tmp_path / "net.keras"
    iris().save_weights(weights)
    broken.write_bytes(b"no archive")
    stateful = keras.Sequential([L.Input(batch_shape=(2, 5, 3)), L.LSTM(4, stateful=True, name="memory")])
    for model, example, reason in (
        (str(weights), None, "weights without the model"),
        (str(broken), None, "no file that Keras 3 wrote: it is no zip archive"),
        (zoo.Subclassed(), None, "must be shown"),
        (stateful, None, r"\['memory'\] keep their state"),
        (iris(), X[:, :4], r"'flowers' float32 \(N, 5\); the example has float32 \(3, 4\)"),
        (iris(), [X, X], "2 values"),
        (iris(), {"plants": X}, "the example has"),
        (keras.optimizers.Adam(), None, "no Keras model or layer"),
        (iris(), None, "opset=99"),
    ):
        with pytest.raises(ConversionError, match=reason):
            to_onnx(model, example, 99 if reason.startswith("opset") else None)


def test_an_operator_that_onnx_lacks_is_named_with_its_layer() -> None:
    i = keras.Input((4,), name="x")

    class Strange(L.Layer):
        def call(self, x: Any) -> Any:
            import tensorflow as tf

            return tf.math.lgamma(tf.abs(x) + 1) + tf.math.digamma(tf.abs(x) + 1)

    with pytest.raises(ConversionError, match=r"(?s)no ONNX for.*(Lgamma|Digamma).*strange.*What to try"):
        to_onnx(keras.Model(i, Strange(name="strange")(i)))


def test_text_is_to_be_looked_up_before_the_model() -> None:
    model = keras.Sequential(
        [L.Input((1,), dtype="string"), L.StringLookup(vocabulary=["a", "b"], name="words"), L.Embedding(3, 2)]
    )
    with pytest.raises(ConversionError, match="(?s)tables .*words.*look them up before the model"):
        to_onnx(model, np.array([["a"], ["b"]]))


def test_half_precision_is_refused_with_what_to_build_instead() -> None:
    model = keras.Sequential(
        [L.Input((5,)), L.Dense(99, "tanh", dtype="mixed_float16"), L.Dense(3, dtype="mixed_float16")]
    )
    with pytest.raises(ConversionError, match="computes in float16: build it with the dtype policy float32"):
        to_onnx(model)


def test_a_code_counted_over_a_whole_row_says_where_to_cut() -> None:
    encode = L.CategoryEncoding(9, output_mode="multi_hot", name="encode")
    model = ox.load(keras.Sequential([L.Input((5,), dtype="int32"), encode, L.Dense(3)]))
    with pytest.raises(ox.errors.RuleError, match="no way is known to bring relevance back"):
        ox.explain(model, np.arange(10, dtype="int32").reshape(2, 5) % 9, "gradient")


def test_predictions_that_differ_are_an_error() -> None:
    model = keras.Sequential([L.Input((13, 12, 2)), L.Resizing(7, 9, interpolation="bicubic")])
    with pytest.raises(ConversionError, match="differs from the original's by"):
        to_onnx(model)


def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(ox.errors.MissingDependencyError, match=r"onnxplain\[keras\]"):
        ox.load(iris())
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ConversionError, match=r"onnxplain\[keras\]"):
        keras_source.imported()


OTHER = """
import sys
import keras, numpy as np, onnxplain as ox
from keras import layers as L
assert keras.backend.backend() == sys.argv[1]
keras.utils.set_random_seed(0)
class Scaled(L.Layer):  # defined here: no other process knows it
    def call(self, x):
        return keras.ops.tanh(x) * 2
i = keras.Input((9, 8, 3), name="image")
x = L.BatchNormalization(name="norm")(L.Conv2D(4, 3, 2, padding="same", name="edges")(i))
x = Scaled()(x) if sys.argv[2] == "own" else L.ReLU()(x)
model = keras.Model(i, L.Dense(2, name="kind")(L.GlobalAveragePooling2D()(x)))
x = np.random.default_rng(0).normal(size=(3, 9, 8, 3)).astype("float32")
loaded = ox.load(model)
off = np.abs(loaded.predict(x)["kind"] - np.asarray(keras.ops.convert_to_numpy(model(x))))
assert off.max() < 1e-5, off.max()
print(list(loaded.inputs), list(loaded.outputs), [n.name for n in loaded.graph.nodes if n.op == "Conv"])
"""


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("backend", "layers"),
    [
        ("torch", "keras's"),
        pytest.param("torch", "own", marks=SLOW),
        pytest.param("jax", "keras's", marks=SLOW),
        pytest.param("jax", "own", marks=SLOW),
    ],
)
def test_models_on_other_backends_are_taken(backend: str, layers: str) -> None:
    env = {**os.environ, "KERAS_BACKEND": backend, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", OTHER, backend, layers]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "['image'] ['kind']" in done.stdout
    assert layers == "own" or "edges/Conv" in done.stdout
