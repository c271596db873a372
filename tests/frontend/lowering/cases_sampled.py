"""Signals cut into frames, images sampled at computed places, a causal convolution with a state."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers.harness import C, Case, normal, uniform

SIGNAL = normal(2, 11, 1)
IMAGE = normal(2, 4, 5, 6)
BOXES = np.array([[0.3, 1.1, 4.2, 3.9], [-2.5, -1.0, 2.0, 7.5], [1.5, 0, 1.5, 4]], np.float32)
OF = np.array([0, 1, 1])


def whole(n: int) -> C:
    return C(np.array(n, np.int64))


def stft(note: str, x: Any, step: int, window: Any = None, length: Any = None, **attrs: int) -> Case:
    inputs = [x, whole(step), window, length]
    while inputs[-1] is None:
        inputs.pop()
    return Case("STFT", inputs, attrs, note=note)


def deform(note: str, x: Any, w: Any, offset: Any, *more: Any, opset: int = 19, **attrs: Any) -> Case:
    return Case("DeformConv", [x, w, offset, *more], attrs, opset, note=note)


def causal(note: str, *inputs: Any, n_outputs: int = 1, **attrs: Any) -> Case:
    return Case("CausalConvWithState", inputs, attrs, 27, n_outputs, note)


def offsets(*shape: int) -> np.ndarray:
    return 1.5 * normal(*shape, seed=5)


SAMPLED = [
    stft("window", SIGNAL, 2, C(uniform(4))),
    stft("window computed, both sides", SIGNAL, 3, uniform(5), whole(5), onesided=0),
    stft("length alone", normal(2, 9, 1), 4, None, whole(4)),
    stft("complex", normal(1, 8, 2), 2, C(uniform(4)), onesided=0),
    deform("weights constant", IMAGE, C(normal(3, 4, 2, 2, seed=1)), offsets(2, 8, 4, 5)),
    deform(
        "everything computed",
        IMAGE,
        normal(4, 2, 3, 2, seed=1),
        offsets(2, 24, 3, 2),
        normal(4, seed=2),
        uniform(2, 12, 3, 2),
        group=2,
        offset_group=2,
        strides=[2, 2],
        pads=[1, 0, 1, 0],
        dilations=[1, 2],
    ),
    deform(
        "offsets constant", IMAGE, normal(3, 4, 2, 2, seed=1), C(offsets(2, 8, 4, 5)), C(normal(3, seed=2)), opset=22
    ),
    Case(
        "RoiAlign",
        [IMAGE, C(BOXES), C(OF)],
        {"mode": "max", "output_height": 2, "output_width": 3, "sampling_ratio": 2},
        16,
        note="largest",
    ),
    Case(
        "RoiAlign",
        [IMAGE, C(BOXES), C(OF)],
        {"mode": "max", "output_height": 3, "spatial_scale": 0.6},
        10,
        note="largest, old",
    ),
    causal("plain", normal(2, 4, 6), C(normal(4, 1, 3, seed=1)), n_outputs=2),
    causal(
        "bias and state",
        normal(2, 4, 3),
        normal(4, 1, 4, seed=1),
        normal(4, seed=2),
        normal(2, 4, 3, seed=3),
        n_outputs=2,
    ),
    causal(
        "state without bias",
        normal(2, 4, 3),
        C(normal(4, 1, 4, seed=1)),
        None,
        normal(2, 4, 3, seed=3),
        activation="silu",
    ),
    causal("kernel of one", normal(2, 4, 3), C(normal(4, 1, 1, seed=1)), n_outputs=2, activation="swish"),
]
