"""TensorFlow's cells, without Keras. Imported only where TensorFlow is."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from .cell import Cell, Entry, Row, numbers

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf


def w(*shape: int, seed: int = 1) -> Any:
    return tf.Variable(numbers(*shape, seed=seed) / shape[0] ** 0.5)


def dense(weights: list[Any], x: Any) -> Any:
    return tf.nn.softmax(tf.nn.softplus(x @ weights[0]) @ weights[1])


def cnn(weights: list[Any], image: Any) -> Any:
    y = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(image, weights[0], 1, "SAME")), 2, 2, "SAME")
    return tf.reduce_mean(y, [1, 2]) @ weights[1]


def residual(weights: list[Any], x: Any) -> Any:
    h = tf.nn.elu(x @ weights[0]) + x
    return (tf.nn.elu(h @ weights[0]) + h) @ weights[1]


def multi_input(weights: list[Any], image: Any, table: Any) -> Any:
    y = tf.reduce_mean(tf.nn.conv2d(image, weights[0], 1, "VALID"), [1, 2])
    return tf.concat([tf.tanh(y), tf.nn.gelu(table)], 1) @ weights[1]


def recurrent(weights: list[Any], series: Any) -> Any:
    state = tf.zeros_like(series[:, 0])
    for k in tf.range(5):
        state = tf.tanh(state @ weights[0] + series[:, k])
    return state @ weights[1]


def attention(weights: list[Any], x: Any) -> Any:
    q, k, v = (x @ weights[0], x @ weights[1], x @ weights[2])
    mixed = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / 6**0.5) @ v
    return tf.reduce_mean(mixed + x, 1) @ weights[3]


def pipeline(weights: list[Any], x: Any) -> Any:
    return tf.nn.silu(tf.clip_by_value((x - 0.3) / 1.7, -2.0, 2.0) @ weights[0]) @ weights[1]


#: architecture → (function, its weights' shapes, shapes of one sample by input)
NETS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]], dict[str, tuple[int, ...]]]] = {
    "dense": (dense, [(4, 6), (6, 3)], {"x": (4,)}),
    "cnn": (cnn, [(3, 3, 2, 4), (4, 3)], {"image": (7, 6, 2)}),
    "residual": (residual, [(4, 4), (4, 3)], {"x": (4,)}),
    "multi-input": (multi_input, [(3, 3, 2, 4), (8, 3)], {"image": (7, 6, 2), "table": (4,)}),
    "recurrent": (recurrent, [(3, 3), (3, 2)], {"series": (5, 3)}),
    "attention": (attention, [(6, 6), (6, 6), (6, 6), (6, 3)], {"x": (5, 6)}),
    "pipeline": (pipeline, [(4, 5), (5, 3)], {"x": (4,)}),
}


class Module(tf.Module):
    """A function with its weights."""

    def __init__(self, name: str) -> None:
        super().__init__()
        function, shapes, inputs = NETS[name]
        self.weights = [w(*s, seed=k + 1) for k, s in enumerate(shapes)]
        signature = [tf.TensorSpec((None, *s), name=n) for n, s in inputs.items()]
        self.call = tf.function(lambda *x: {"y": function(self.weights, *x)}, input_signature=signature)


def cells() -> Row:
    return {(name, ""): Entry(("object", "file"), partial(cell, name)) for name in NETS}


def cell(name: str) -> Cell:
    module = Module(name)
    data = {n: numbers(3, *s, seed=k) for k, (n, s) in enumerate(NETS[name][2].items())}

    def gradient(unit: int, *arrays: Any) -> list[Any]:
        inputs = [tf.Variable(x.astype("float32")) for x in arrays]
        with tf.GradientTape() as tape:
            at = tf.reduce_sum(module.call(*inputs)["y"][:, unit])
        return [g.numpy() for g in tape.gradient(at, inputs)]

    def write(folder: Path) -> Path:
        tf.saved_model.save(module, str(folder / "net"), signatures=module.call)
        return folder / "net"

    return Cell(
        data,
        lambda *arrays: module.call(*map(tf.constant, arrays))["y"].numpy(),
        gradient,
        module.call,
        {"file": write},
    )
