"""What the Keras converter and Keras itself export: read, verified, and explained as TensorFlow itself would."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import onnxplain as ox

from ..promises import (
    assert_close,
    deep_lift_is_complete,
    gradient_equals_autograd,
    relevance_is_accounted_for,
    targets_together_equal_one_at_a_time,
    units_of,
)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import tensorflow as tf

from onnxplain_converters import to_onnx

from . import keras_zoo as zoo

EXPORTERS = ("converter", "keras")
#: TensorFlow's own operators, which Keras's export leaves in and onnxruntime does not know
NOT_OF_ONNX = {"Erfc"}
every = pytest.mark.parametrize(
    ("name", "exporter"),
    [
        pytest.param(
            n,
            e,
            id=f"{n}-{e}",
            marks=[] if e == "converter" or n == "resnet" else [pytest.mark.slow],
        )
        for n in zoo.ZOO
        for e in EXPORTERS
    ],
)


@cache
def source(name: str) -> Any:
    return zoo.model(name)


@cache
def exported(name: str, exporter: str) -> onnx.ModelProto:
    made = source(name)
    made.predict(zoo.data(made, 1), verbose=0)
    if exporter == "converter":
        return to_onnx(made)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        made.export(str(path), format="onnx", verbose=False)
        return onnx.load(path)


@cache
def loaded(name: str, exporter: str, dtype: str) -> tuple[ox.Model, dict[str, np.ndarray]]:
    proto = exported(name, exporter)
    known = not any(n.op_type in NOT_OF_ONNX for n in proto.graph.node)
    model = ox.load(proto, dtype=dtype, verify="always" if dtype == "float32" and known else "never")
    made = zoo.data(source(name), 2)
    data = {
        n: x.astype(np.float64) if dtype == "float64" and x.dtype.kind == "f" else x
        for n, x in zip(model.inputs, made.values(), strict=True)
    }
    return model, data


@every
def test_it_is_verified_and_predicts_as_keras_does(name: str, exporter: str) -> None:
    model, data = loaded(name, exporter, "float32")
    arrays = list(data.values())
    expected = source(name)(arrays if len(arrays) > 1 else arrays[0], training=False)
    predicted = model.predict({n: x for n, x in data.items()})
    for ours, theirs in zip(predicted.values(), expected if isinstance(expected, list) else [expected], strict=True):
        assert_close(ours, theirs, 1e-5)


@every
def test_its_gradient_is_tensorflow_s_own(name: str, exporter: str) -> None:
    model, data = loaded(name, exporter, "float64")
    gradient_equals_autograd(model, data, 1e-10)
    if name == "tokens":
        return
    inputs = [tf.Variable(x.astype(np.float32)) for x in data.values()]
    for k, (output, units) in enumerate(units_of(model, data, ignore=False).items()):
        e = ox.explain(model, data, ox.Gradient(ignore_last_activation=False), target={output: units})
        for t, u in enumerate(units):
            with tf.GradientTape() as tape:
                y = source(name)(inputs if len(inputs) > 1 else inputs[0], training=False)
                y = y[k] if isinstance(y, list) else y
                at = tf.reduce_sum(tf.reshape(y, (y.shape[0], -1))[:, u])
            theirs = tape.gradient(at, inputs, unconnected_gradients="zero")
            for i, g in zip(model.inputs, theirs, strict=True):
                # TensorFlow computes in single precision
                assert_close(e.attributions[i, output].values[..., t], g.numpy(), 1e-5, f"{output!r} at {i!r}")


@every
@pytest.mark.parametrize("ignore", [True, False], ids=["before_last_activation", "outputs"])
def test_deep_lift_is_complete(name: str, exporter: str, ignore: bool) -> None:
    model, data = loaded(name, exporter, "float64")
    other = {n: 0.5 * x[::-1] + 0.1 if x.dtype.kind == "f" else x[::-1].copy() for n, x in data.items()}
    deep_lift_is_complete(model, data, 1e-6, 0.0, ignore)
    deep_lift_is_complete(model, data, 1e-6, other, ignore)


@every
@pytest.mark.parametrize("composite", ["epsilon_plus", "attn_lrp", "cp_lrp"])
def test_lrp_accounts_for_what_it_loses(name: str, exporter: str, composite: str) -> None:
    relevance_is_accounted_for(*loaded(name, exporter, "float64"), ox.LRP(composite))


@every
def test_targets_together_equal_one_at_a_time(name: str, exporter: str) -> None:
    model, data = loaded(name, exporter, "float64")
    for output, units in units_of(model, data).items():
        for method in (ox.LRP(), ox.DeepLift()):
            targets_together_equal_one_at_a_time(model, data, method, output, units, 1e-10)
