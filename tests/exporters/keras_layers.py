"""Keras models of a layer or two, as small as shows the layer; odd sizes, and data with negative numbers.

Imported only where Keras and TensorFlow are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import layers as L

Value = Any


@dataclass(frozen=True)
class Case:
    """`smooth`: it has no jump between the data and a baseline, so DeepLIFT is complete."""

    build: Callable[[], keras.Model]
    shapes: tuple[tuple[int, ...], ...]
    codes: int | None = None
    smooth: bool = True


def alone(shape: tuple[int | None, ...], *layers: Any, dtype: str = "float32") -> keras.Model:
    i = keras.Input(shape, name="x", dtype=dtype)
    y = i
    for layer in layers:
        y = layer(y)
    return keras.Model(i, y)


def stack(shape: tuple[int, ...], make: Callable[[], list[Any]], smooth: bool = True) -> Case:
    return Case(lambda: alone(shape, *make()), (shape,), smooth=smooth)


def pair(shape: tuple[int, ...], make: Callable[[Value, Value], Value]) -> Case:
    def build() -> keras.Model:
        a, b = keras.Input(shape, name="a"), keras.Input(shape, name="b")
        return keras.Model([a, b], make(a, b))

    return Case(build, (shape, shape))


def onto(shape: tuple[int, ...], make: Callable[[Value], Value], smooth: bool = True) -> Case:
    def build() -> keras.Model:
        i = keras.Input(shape, name="x")
        return keras.Model(i, make(i))

    return Case(build, (shape,), smooth=smooth)


def ids(length: int, codes: int, make: Callable[[], list[Any]]) -> Case:
    return Case(
        lambda: alone((length,), L.Embedding(codes, 5, mask_zero=True), *make(), dtype="int32"), ((length,),), codes
    )


@keras.saving.register_keras_serializable("onnxplain_tests")
class Residual(L.Layer):
    """A layer of layers."""

    def __init__(self, units: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.inner, self.outer = L.Dense(units, "relu", name="inner"), L.Dense(units, name="outer")

    def call(self, x: Value) -> Value:
        return x + self.outer(self.inner(x))

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


@keras.saving.register_keras_serializable("onnxplain_tests")
class Subclassed(keras.Model):
    """No functional model: a dict of outputs, one layer called twice."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.hidden, self.head = L.Dense(4, "tanh", name="hidden"), L.Dense(3, name="head")

    def call(self, x: Value) -> Value:
        h = self.hidden(x)
        return {"score": self.head(h), "code": h}


IMAGE, SERIES = (13, 12, 4), (9, 4)
LAYERS: dict[str, Case] = {
    "conv1d": stack(
        (17, 4),
        lambda: [L.Conv1D(5, 3, 2, "same"), L.MaxPooling1D(3, 2, "same"), L.AveragePooling1D(2, padding="same")],
    ),
    "conv1d_causal": stack((17, 4), lambda: [L.Conv1D(5, 3, padding="causal", dilation_rate=2)]),
    "conv3d": stack(
        (7, 6, 5, 2), lambda: [L.Conv3D(3, 3, padding="same"), L.MaxPooling3D(2, padding="same"), L.AveragePooling3D(2)]
    ),
    "conv2d_grouped": stack(IMAGE, lambda: [L.Conv2D(6, 3, groups=2, dilation_rate=2), L.Activation("relu")]),
    "depthwise": stack(
        IMAGE, lambda: [L.DepthwiseConv2D(3, depth_multiplier=2, padding="same"), L.SeparableConv2D(4, 3, 2, "same")]
    ),
    "depthwise1d": stack((17, 4), lambda: [L.DepthwiseConv1D(3, depth_multiplier=2), L.SeparableConv1D(4, 3)]),
    "conv_transpose": stack(
        (5, 6, 4), lambda: [L.Conv2DTranspose(3, 3, 2, "same"), L.Conv2DTranspose(3, 4, 2, "valid", activation="elu")]
    ),
    "conv1d_transpose": stack((7, 2), lambda: [L.Conv1DTranspose(3, 3, 2, "same")]),
    "conv3d_transpose": stack((4, 3, 5, 2), lambda: [L.Conv3DTranspose(3, 3, 2, "same")]),
    "pooling": stack(
        IMAGE, lambda: [L.MaxPooling2D(3, 2, "same"), L.AveragePooling2D(3, 2, "same"), L.GlobalMaxPooling2D()]
    ),
    "padding": stack(
        IMAGE,
        lambda: [
            L.ZeroPadding2D(((1, 2), (0, 1))),
            L.Cropping2D(1),
            L.UpSampling2D(2, interpolation="bilinear"),
            L.UpSampling2D(3),
        ],
    ),
    "resizing": stack(IMAGE, lambda: [L.Rescaling(1 / 127.5, -1.0), L.Resizing(7, 9), L.CenterCrop(4, 4)]),
    "batch_norm": stack((5,), lambda: [L.Dense(4), L.BatchNormalization(), L.Dense(3)]),
    "layer_norm": stack(IMAGE, lambda: [L.LayerNormalization(axis=[1, 2, 3])]),
    "group_norm": stack(IMAGE, lambda: [L.GroupNormalization(2)]),
    "rms_norm": stack((5,), lambda: [L.RMSNormalization()]),
    "unit_norm": stack((5,), lambda: [L.UnitNormalization()]),
    "spectral_norm": stack((5,), lambda: [L.SpectralNormalization(L.Dense(3))]),
    "normalization": stack((3,), lambda: [L.Normalization(mean=[1.0, 2, 3], variance=[1.0, 2, 3]), L.Dense(2)]),
    "discretization": stack(
        (3,), lambda: [L.Discretization([-0.5, 0.0, 0.7], output_mode="one_hot"), L.Flatten(), L.Dense(2)], smooth=False
    ),
    "prelu": stack(IMAGE, lambda: [L.PReLU(), L.LeakyReLU(0.2), L.ELU(0.7), L.ReLU(1.5)]),
    "reshaping": stack(
        IMAGE, lambda: [L.Permute((3, 1, 2)), L.Reshape((4, -1)), L.Dense(3), L.Flatten(), L.RepeatVector(3)]
    ),
    "einsum_dense": stack((5, 4), lambda: [L.EinsumDense("abc,cd->abd", (None, 7), bias_axes="d")]),
    "attention": onto((5, 4), lambda x: L.Attention(use_scale=True)([x, x])),
    "additive_attention": onto((5, 4), lambda x: L.AdditiveAttention()([x, x])),
    "causal_attention": onto((6, 12), lambda x: L.MultiHeadAttention(3, 4)(x, x, use_causal_mask=True)),
    "grouped_attention": onto((5, 8), lambda x: L.GroupQueryAttention(4, 4, 2)(x, x)),
    "lambda": stack((5,), lambda: [L.Lambda(lambda x: x * 2 + 1), L.Dense(2)]),
    "arithmetic": pair(
        (4,), lambda a, b: [L.Maximum()([a, b]), L.Average()([a, b]), L.Subtract()([a, b]), L.Multiply()([a, b])]
    ),
    "cosine_of_shared": pair(
        (6,), lambda a, b: (d := L.Dense(4, "tanh", name="encoder")) and L.Dot(-1, normalize=True)([d(a), d(b)])
    ),
    "nested": onto(
        (5,),
        lambda x: (
            (inner := alone((5,), L.Dense(5, "relu", name="d"), L.BatchNormalization())) and L.Dense(2)(inner(inner(x)))
        ),
    ),
    "residual": stack((5,), lambda: [Residual(5, name="first"), Residual(5, name="second")]),
    "rnn": stack(SERIES, lambda: [L.SimpleRNN(5)]),
    "lstm": stack(SERIES, lambda: [L.LSTM(5, return_sequences=True), L.LSTM(4, go_backwards=True)]),
    "lstm_unrolled": stack((4, 3), lambda: [L.LSTM(4, unroll=True)]),
    "gru": stack(SERIES, lambda: [L.GRU(5)]),
    "gru_reset_before": stack(SERIES, lambda: [L.GRU(5, reset_after=False)]),
    "bidirectional": stack(
        SERIES, lambda: [L.Bidirectional(L.LSTM(4, return_sequences=True)), L.Bidirectional(L.GRU(3), "sum")]
    ),
    "time_distributed": stack(SERIES, lambda: [L.TimeDistributed(L.Dense(4, "relu")), L.GlobalAveragePooling1D()]),
    "conv_lstm": stack((3, 6, 6, 2), lambda: [L.ConvLSTM2D(3, 3)]),
    "masked_lstm": stack(SERIES, lambda: [L.Masking(), L.LSTM(3)]),
    "embedded_lstm": ids(7, 20, lambda: [L.LSTM(4)]),
    "embedded_mean": ids(7, 20, lambda: [L.GlobalAveragePooling1D(), L.Dense(3)]),
}
ACTIVATIONS = (
    "relu", "elu", "selu", "gelu", "softplus", "softsign", "silu", "exponential", "hard_sigmoid", "hard_silu", "mish",
    "leaky_relu", "log_softmax", "relu6", "celu", "glu", "tanh_shrink", "hard_tanh", "squareplus", "log_sigmoid", "tanh",
    "sigmoid", "softmax",
)  # fmt: skip
for _name in ACTIVATIONS:
    LAYERS[_name] = stack((6,), lambda name=_name: [L.Dense(6), L.Activation(name)])


def model(name: str) -> keras.Model:
    """Random weights, biases and statistics too."""
    keras.utils.set_random_seed(0)
    made, rng = LAYERS[name].build(), np.random.default_rng(0)
    made.set_weights(
        [w + (rng.uniform(0.1, 0.4, w.shape) if w.ndim == 1 and w.dtype.kind == "f" else 0) for w in made.get_weights()]
    )
    return made


def data(name: str, seed: int = 1, n: int = 3) -> list[np.ndarray]:
    case, rng = LAYERS[name], np.random.default_rng(seed)
    if case.codes is not None:
        # the last ones are masked, as where texts have different lengths
        return [
            np.where(np.arange(s[0]) < s[0] - np.arange(n)[:, None], rng.integers(1, case.codes, (n, *s)), 0).astype(
                "int32"
            )
            for s in case.shapes
        ]
    return [rng.normal(size=(n, *s)).astype("float32") for s in case.shapes]
