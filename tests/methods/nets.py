"""Nets for methods that look at rectifiers and at maps: images, series, volumes, channels last, two inputs."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import onnxplain as ox

from ..engine.build import Writer

N = 3


def image() -> Writer:
    w = Writer(51)
    h = w.node("Relu", w.batch_norm(w.node("Conv", "x", w.weight(4, 2, 3, 3), pads=[1, 1, 1, 1]), 4), to="early")
    h = w.node("LeakyRelu", w.node("Conv", h, w.weight(5, 4, 3, 3), w.weight(5), strides=[2, 1]), to="middle", alpha=0.2)
    h = w.node("Add", w.node("Conv", h, w.weight(5, 5, 1, 1), w.weight(5)), h)
    h = w.node("Clip", h, w.constant(0.0), w.constant(1.5), to="late")
    h = w.node("Flatten", w.node("MaxPool", h, kernel_shape=[2, 2]))
    w.dense(w.node("Tanh", w.dense(h, 40, 6)), 6, 3, to="y")
    return w


def series() -> Writer:
    w = Writer(52)
    h = w.node("Relu", w.node("Conv", "x", w.weight(4, 3, 3), w.weight(4), strides=[2]), to="late")
    w.dense(w.node("Flatten", w.node("GlobalAveragePool", h)), 4, 3, to="y")
    return w


def volume() -> Writer:
    w = Writer(53)
    h = w.node("Relu", w.node("Conv", "x", w.weight(3, 1, 2, 2, 2), w.weight(3)), to="late")
    w.dense(w.node("Flatten", h), 3 * 2 * 3 * 3, 3, to="y")
    return w


def channels_last() -> Writer:
    """(N, H, W, C) outside, (N, C, H, W) inside."""
    w = Writer(54)
    h = w.node("Transpose", w.node("Sub", "x", w.constant(0.3)), perm=[0, 3, 1, 2])
    h = w.node("Relu", w.node("Conv", h, w.weight(4, 3, 3, 3), w.weight(4)), to="inside")
    h = w.node("Relu", w.node("Transpose", h, perm=[0, 2, 3, 1]), to="late")
    w.dense(w.node("Flatten", h), 4 * 4 * 5, 3, to="y")
    return w


def two_inputs() -> Writer:
    w = Writer(55)
    h = w.node("Relu", w.node("Conv", "x", w.weight(4, 2, 3, 3), w.weight(4)), to="late")
    t = w.node("Relu", w.dense("t", 5, 6))
    w.dense(w.node("Concat", w.node("Flatten", h), t, axis=1), 4 * 5 * 4 + 6, 3, to="y")
    return w


NETS: dict[str, tuple[Any, dict[str, tuple[int, ...]]]] = {
    "image": (image, {"x": (2, 8, 7)}),
    "series": (series, {"x": (3, 11)}),
    "volume": (volume, {"x": (1, 3, 4, 4)}),
    "channels_last": (channels_last, {"x": (6, 7, 3)}),
    "two_inputs": (two_inputs, {"x": (2, 7, 6), "t": (5,)}),
}


@cache
def net(name: str) -> ox.Model:
    make, shapes = NETS[name]
    return ox.load(make().model({n: ("N", *s) for n, s in shapes.items()}, {"y": ("N", 3)}), dtype="float64")


def data(name: str, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng([52, seed])
    return {n: random.standard_normal((N, *s)) for n, s in NETS[name][1].items()}
