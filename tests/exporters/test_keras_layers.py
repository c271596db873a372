"""Keras's layers, one at a time: the converted model predicts, and is explained, as TensorFlow itself would."""

from __future__ import annotations

import os
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from ..promises import assert_close, deep_lift_is_complete, units_of

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import tensorflow as tf

from . import keras_layers as zoo

every = pytest.mark.parametrize("name", zoo.LAYERS)


@cache
def source(name: str) -> Any:
    return zoo.model(name)


@cache
def loaded(name: str) -> ox.Model:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # none is exported for a fixed number of samples
        return ox.load(source(name), dtype="float64", example=zoo.data(name))


def by_name(model: ox.Model, arrays: list[np.ndarray]) -> dict[str, np.ndarray]:
    return {n: x.astype(np.float64) if x.dtype.kind == "f" else x for n, x in zip(model.inputs, arrays, strict=True)}


@every
def test_it_predicts_as_keras_does_for_any_number_of_samples(name: str) -> None:
    model = loaded(name)
    for n in (1, 5):
        arrays = zoo.data(name, n=n)
        expected = source(name)(arrays if len(arrays) > 1 else arrays[0], training=False)
        ours = model.predict(by_name(model, arrays)).values()
        for a, b in zip(ours, expected if isinstance(expected, list) else [expected], strict=True):
            assert_close(a, b.numpy(), 1e-5)


@pytest.mark.parametrize("name", [n for n, c in zoo.LAYERS.items() if c.codes is None])
def test_its_gradient_is_tensorflow_s_own(name: str) -> None:
    model, arrays = loaded(name), zoo.data(name)
    inputs = [tf.constant(x) for x in arrays]
    for k, (output, units) in enumerate(units_of(model, by_name(model, arrays), ignore=False).items()):
        e = ox.explain(model, by_name(model, arrays), ox.Gradient(ignore_last_activation=False), target={output: units})
        for t, u in enumerate(units):
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                y = source(name)(inputs if len(inputs) > 1 else inputs[0], training=False)
                y = y[k] if isinstance(y, list) else y
                at = tf.reduce_sum(tf.reshape(y, (y.shape[0], -1))[:, u])
            theirs = tape.gradient(at, inputs, unconnected_gradients="zero")
            for i, g in zip(model.inputs, theirs, strict=True):
                # TensorFlow computes in single precision
                assert_close(e.attributions[i, output].values[..., t], g.numpy(), 1e-5, f"{output!r} at {i!r}")


@pytest.mark.parametrize("name", [n for n, c in zoo.LAYERS.items() if c.smooth])
def test_deep_lift_is_complete(name: str) -> None:
    model = loaded(name)
    other = by_name(model, zoo.data(name, seed=2))
    deep_lift_is_complete(model, by_name(model, zoo.data(name)), 1e-6, other, ignore=False)
