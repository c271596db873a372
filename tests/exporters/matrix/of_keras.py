"""Keras's cells, on TensorFlow. Imported only where Keras is."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from .cell import Cell, Entry, Row, numbers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")

import keras
import tensorflow as tf
from keras import layers as L


def dense() -> keras.Model:
    return keras.Sequential([keras.Input((4,), name="x"), L.Dense(6, "elu"), L.Dense(3, "softmax")])


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((9, 8, 2), name="image"),
            L.Conv2D(4, 3, padding="same", use_bias=False),
            L.BatchNormalization(),
            L.ReLU(),
            L.MaxPooling2D(2),
            L.Dropout(0.4),
            L.Flatten(),
            L.Dense(3),
        ]
    )


def residual() -> keras.Model:
    i = keras.Input((4,), name="x")
    shared, h = L.Dense(5, "relu"), L.Dense(5)(i)
    return keras.Model(i, L.Dense(3)(L.Add()([shared(h), h, shared(shared(h))])))


def multi_input() -> keras.Model:
    image, table = keras.Input((6, 5, 2), name="image"), keras.Input((4,), name="table")
    x = L.Concatenate()([L.Flatten()(L.Conv2D(3, 3, activation="tanh")(image)), L.Dense(4, "gelu")(table)])
    return keras.Model([image, table], [L.Dense(3, name="kind")(x), L.Dense(1, name="risk")(x)])


def recurrent() -> keras.Model:
    return keras.Sequential([keras.Input((5, 3), name="series"), L.Bidirectional(L.LSTM(3)), L.Dense(2)])


def attention() -> keras.Model:
    i = keras.Input((5, 6), name="x")
    y = L.LayerNormalization()(L.Add()([i, L.MultiHeadAttention(2, 3)(i, i)]))
    return keras.Model(i, L.Dense(3)(L.GlobalAveragePooling1D()(y)))


def pipeline() -> keras.Model:
    prepared = L.Normalization()
    prepared.adapt(3 * numbers(60, 4, seed=5) + 1)
    return keras.Sequential([keras.Input((4,), name="x"), prepared, L.Dense(5, "swish"), L.Dense(3)])


MODELS: dict[str, Callable[[], keras.Model]] = {
    "dense": dense,
    "cnn": cnn,
    "residual": residual,
    "multi-input": multi_input,
    "recurrent": recurrent,
    "attention": attention,
    "pipeline": pipeline,
}


def model(name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    made = MODELS[name]()
    for layer in made.layers:
        if isinstance(layer, L.BatchNormalization):  # away from 0 and 1
            layer.set_weights([numbers(*w.shape, seed=k) ** 2 + 0.3 for k, w in enumerate(layer.get_weights())])
    return made


def first(y: Any) -> Any:
    return y[0] if isinstance(y, list) else y


def cells() -> Row:
    forms = {name: ("object", "file") + (("file.h5",) if name == "cnn" else ()) for name in MODELS}
    return {(name, ""): Entry(forms[name], partial(cell, name)) for name in MODELS}


def cell(name: str) -> Cell:
    made = model(name)
    data = {i.name: numbers(3, *i.shape[1:], seed=k) for k, i in enumerate(made.inputs)}

    def call(arrays: Any) -> Any:
        return first(made(list(arrays) if len(arrays) > 1 else arrays[0], training=False))

    def gradient(unit: int, *arrays: Any) -> list[Any]:
        inputs = [tf.Variable(x.astype(np.float32)) for x in arrays]
        with tf.GradientTape() as tape:
            at = tf.reduce_sum(call(inputs)[:, unit])
        return [g.numpy() for g in tape.gradient(at, inputs)]

    def write(suffix: str) -> Callable[[Path], Path]:
        def written(folder: Path) -> Path:
            made.save(folder / f"net{suffix}")
            return folder / f"net{suffix}"

        return written

    files = {"file": write(".keras"), "file.h5": write(".h5")}
    return Cell(data, lambda *arrays: call(arrays).numpy(), gradient, made, files)
