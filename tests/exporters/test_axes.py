"""Channels-last models keep their axes' names: what a convolution or recurrent layer reads as channels is called channel."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain import innsight
from onnxplain.plots.panel import panel_of

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf
from keras import layers

SERIES, IMAGE, VOLUME = ("length", "channel"), ("height", "width", "channel"), ("depth", "height", "width", "channel")
#: sizes from which no axis can be guessed, and layers that read them
KERAS: dict[str, tuple[tuple[str, ...], tuple[int, ...], Callable[[], list[Any]]]] = {
    "Conv1D": (SERIES, (9, 5), lambda: [layers.Conv1D(4, 3)]),
    "Conv1D of one channel": (SERIES, (9, 1), lambda: [layers.Conv1D(4, 3)]),
    "Conv1D after normalisation and padding": (SERIES, (9, 5), lambda: [layers.BatchNormalization(), layers.Conv1D(4, 3, padding="causal")]),
    "MaxPooling1D": (SERIES, (8, 5), lambda: [layers.MaxPooling1D()]),
    "LSTM": (SERIES, (6, 5), lambda: [layers.LSTM(4)]),
    "GRU": (SERIES, (6, 5), lambda: [layers.GRU(4)]),
    "masked LSTM": (SERIES, (6, 5), lambda: [layers.Masking(), layers.LSTM(4)]),
    "bidirectional SimpleRNN": (SERIES, (6, 5), lambda: [layers.Bidirectional(layers.SimpleRNN(4))]),
    "Conv2D": (IMAGE, (7, 6, 5), lambda: [layers.Conv2D(4, 3)]),
    "Conv2D of rescaled pictures": (IMAGE, (3, 6, 2), lambda: [layers.Rescaling(0.5, 1.0), layers.Conv2D(4, 2)]),
    "SeparableConv2D": (IMAGE, (7, 6, 2), lambda: [layers.SeparableConv2D(4, 3)]),
    "Conv3D": (VOLUME, (5, 5, 4, 2), lambda: [layers.Conv3D(4, 3)]),
    "channels first": (("channel", "height", "width"), (6, 7, 3), lambda: [layers.MaxPooling2D(data_format="channels_first", pool_size=1)]),
    "a convolution of channels first": (("channel", "height", "width"), (6, 7, 3), lambda: [layers.Conv2D(4, 3, data_format="channels_first")]),
    "Dense alone": (("feature",), (5,), lambda: [layers.Dense(4)]),
}  # fmt: skip


@cache
def loaded(name: str) -> ox.Model:
    _, shape, made = KERAS[name]
    keras.utils.set_random_seed(0)
    net = keras.Sequential([keras.Input(shape, name="x"), *made(), layers.Flatten(), layers.Dense(2)])
    return ox.load(net, dtype="float64")


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(1).normal(size=shape)


@pytest.mark.parametrize("name", KERAS)
def test_attributions_of_keras_models_have_the_axes_that_its_layers_read(name: str) -> None:
    names, shape, _ = KERAS[name]
    a = ox.explain(loaded(name), numbers(2, *shape), "gradient", target=0)["x"]
    assert a.dims == ("sample", *names, "target") and a.shape == (2, *shape, 1)


def test_the_table_and_xarray_name_the_series_axes() -> None:
    e = ox.explain(loaded("Conv1D"), numbers(2, 9, 5), "gradient_x_input", target=0)
    frame = e.to_frame()
    assert {"length", "channel"} <= set(frame.columns) and "feature" not in frame.columns
    assert set(frame["length"]) == set(range(9)) and set(frame["channel"]) == set(range(5))
    sizes = e.to_xarray().sizes
    assert (sizes["length"], sizes["channel"]) == (9, 5)


@pytest.mark.parametrize("name", ["Conv1D", "LSTM"])
def test_a_series_is_drawn_along_its_length(name: str) -> None:
    length = KERAS[name][1][0]
    x = numbers(1, length, 5)
    a = ox.explain(loaded(name), x, "gradient_x_input", target=0)["x"]
    drawn = panel_of(a, 0, 0, "sum")
    assert drawn.kind == "series" and drawn.axes == ("channel", "length") and drawn.values.shape == (5, length)
    np.testing.assert_array_equal(drawn.values, a.values[0, :, :, 0].T)
    np.testing.assert_array_equal(drawn.data, x[0].T)
    np.testing.assert_array_equal(drawn.flow, a.values[0, :, :, 0].sum(1))


def test_a_picture_is_drawn_with_its_channels_summed() -> None:
    a = ox.explain(loaded("Conv2D"), numbers(1, 7, 6, 5), "gradient_x_input", target=0)["x"]
    drawn = panel_of(a, 0, 0, "sum")
    assert drawn.kind == "image" and drawn.axes == ("height", "width")
    np.testing.assert_allclose(drawn.values, a.values[0, ..., 0].sum(-1), rtol=1e-12)


def test_channels_are_labelled_by_their_name() -> None:
    model = ox.load(loaded("Conv1D").source, input_labels={"x": {"channel": list("abcde")}})
    a = ox.explain(model, numbers(1, 9, 5), "gradient", target=0)["x"]
    assert a.labels["channel"] == tuple("abcde") and a.labels["length"] == tuple(range(9))


def test_black_box_methods_cut_the_places_and_not_the_channels() -> None:
    """The guess from the shape (3, 6, 2) alone is that the 3 are channels."""
    a = ox.explain(loaded("Conv2D of rescaled pictures"), numbers(1, 3, 6, 2), ox.Occlusion(window=1, stride=1), target=0)["x"]
    np.testing.assert_array_equal(a.values[0, :, :, 0], a.values[0, :, :, 1])
    assert len(np.unique(a.values)) == 18


def test_a_blur_leaves_channels_apart() -> None:
    x = numbers(2, 9, 5)
    model = loaded("Conv1D")
    found = ox.explain(model, x, ox.DeepLift(baseline=ox.Blur(1.5)), target="all").values
    for baseline in (ox.Blur(1.5, axes=[1])(x), {"x": ox.Blur(1.5)}):
        expected = ox.explain(model, x, ox.DeepLift(baseline=baseline), target="all").values
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    covered = [ox.explain(model, x, ox.Occlusion(baseline=b), target=0).values for b in (ox.Blur(1.5), ox.Blur(1.5, axes=[1]))]
    np.testing.assert_array_equal(*covered)
    assert not np.allclose(found, ox.explain(model, x, ox.DeepLift(baseline=ox.Blur(1.5, axes=[2])), target="all").values)


def test_innsight_reads_channels_first_data_for_a_channels_last_series() -> None:
    model, x = loaded("Conv1D"), numbers(2, 9, 5)
    conv = innsight.convert(model, dtype="double")
    assert conv.input_dim == [(5, 9)] and [len(names) for names in conv.input_names[0]] == [5, 9]
    found = innsight.run_grad(conv, np.moveaxis(x, 2, 1), channels_first=True, output_idx=[0], dtype="double").get_result()
    expected = ox.explain(model, x, "gradient", target=0)["x"].values
    np.testing.assert_allclose(np.asarray(found), np.moveaxis(expected, 2, 1), rtol=1e-10)


@tf.function(input_signature=[tf.TensorSpec((None, 7, 6, 2), name="image"), tf.TensorSpec((None, 3), name="table")])
def mixed(image, table):  # type: ignore[no-untyped-def]
    y = tf.nn.conv2d(image - 0.5, tf.ones((3, 3, 2, 2)), 1, "SAME")
    return tf.concat([tf.reduce_mean(y, [1, 2]), table], 1)


def test_functions_of_tensorflow_say_their_images_axes() -> None:
    model = ox.load(mixed)
    assert model.inputs["image"].axes == IMAGE and model.inputs["table"].axes == ()


@pytest.mark.parametrize("name", ["Conv1D", "Conv2D"])
def test_tflite_files_say_their_axes(name: str, tmp_path: Path) -> None:
    names, shape, made = KERAS[name]
    net = keras.Sequential([keras.Input(shape, name="x"), *made(), layers.Flatten(), layers.Dense(2)])
    path = tmp_path / "net.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(net).convert())
    (spec,) = ox.load(path).inputs.values()
    assert spec.axes == names


def test_flax_convolutions_say_their_axes() -> None:
    jax = pytest.importorskip("jax")
    linen = pytest.importorskip("flax.linen")
    pytest.importorskip("jax2onnx")

    class Net(linen.Module):  # type: ignore[name-defined,misc]
        @linen.compact
        def __call__(self, series: Any) -> Any:
            h = linen.relu(linen.Conv(4, (3,))(series))
            return linen.Dense(2)(h.reshape((h.shape[0], -1)))

    x = np.ones((2, 9, 5), np.float32)
    model = ox.load((Net(), Net().init(jax.random.key(0), x)), example=x)
    (spec,) = model.inputs.values()
    assert spec.axes == SERIES
