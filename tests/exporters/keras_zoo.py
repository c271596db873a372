"""Small Keras models, true to the architectures people export: channels last, "same" padding, unmerged normalisation.

Imported only where Keras and TensorFlow are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers as L

Value = Any


def conv_bn(x: Value, filters: int, size: int = 3, strides: int = 1, act: str | None = "relu") -> Value:
    x = L.BatchNormalization()(L.Conv2D(filters, size, strides, padding="same", use_bias=False)(x))
    return L.Activation(act)(x) if act else x


def resnet() -> keras.Model:
    i = keras.Input((31, 29, 3), name="image")
    x = L.MaxPooling2D(3, 2)(L.ZeroPadding2D(1)(conv_bn(L.ZeroPadding2D(3)(i), 8, 7, 2)))
    for filters, strides in ((8, 1), (16, 2)):
        y = conv_bn(conv_bn(x, filters, 3, strides), filters, act=None)
        skip = x if strides == 1 and x.shape[-1] == filters else conv_bn(x, filters, 1, strides, None)
        x = L.ReLU()(L.Add()([y, skip]))
    return keras.Model(i, L.Dense(5)(L.GlobalAveragePooling2D()(x)))


def vgg() -> keras.Model:
    i = x = keras.Input((16, 16, 3), name="image")
    for filters in (6, 8):
        for _ in range(2):
            x = L.Conv2D(filters, 3, padding="same", activation="relu")(x)
        x = L.MaxPooling2D(2)(x)
    x = L.Dropout(0.3)(L.Dense(16, "relu")(L.Flatten()(x)))
    return keras.Model(i, L.Dense(5, "softmax")(x))


def densenet() -> keras.Model:
    i = keras.Input((17, 16, 3), name="image")
    x = L.Conv2D(8, 3, 2, padding="same", use_bias=False)(i)
    for _ in range(2):
        y = L.Conv2D(8, 1, use_bias=False)(L.ReLU()(L.BatchNormalization()(x)))
        y = L.Conv2D(4, 3, padding="same", use_bias=False)(L.ReLU()(L.BatchNormalization()(y)))
        x = L.Concatenate()([x, y])
    x = L.AveragePooling2D(2, padding="same")(L.Conv2D(8, 1)(L.ReLU()(L.BatchNormalization()(x))))
    return keras.Model(i, L.Dense(5, "softmax")(L.GlobalAveragePooling2D()(L.ReLU()(L.BatchNormalization()(x)))))


def squeeze_excite(x: Value, act: str, gate: str) -> Value:
    c = x.shape[-1]
    s = L.GlobalAveragePooling2D(keepdims=True)(x)
    return L.Multiply()([x, L.Conv2D(c, 1, activation=gate)(L.Conv2D(4, 1, activation=act)(s))])


def inverted(
    x: Value, filters: int, strides: int, act: Callable[[Value], Value], squeeze: tuple[str, str] | None
) -> Value:
    c = x.shape[-1]
    y = act(L.BatchNormalization()(L.Conv2D(2 * c, 1, use_bias=False)(x)))
    y = act(L.BatchNormalization()(L.DepthwiseConv2D(3, strides, padding="same", use_bias=False)(y)))
    if squeeze:
        y = squeeze_excite(y, *squeeze)
    y = conv_bn(y, filters, 1, act=None)
    return L.Add()([x, y]) if strides == 1 and c == filters else y


def mobile(act: Callable[[], Callable[[Value], Value]], squeeze: tuple[str, str] | None) -> keras.Model:
    i = keras.Input((32, 32, 3), name="image")
    x = act()(conv_bn(L.Rescaling(2.0, -1.0)(i), 8, 3, 2, None))
    x = inverted(inverted(x, 8, 1, act(), squeeze), 12, 2, act(), squeeze)
    return keras.Model(i, L.Dense(5, "softmax")(L.GlobalAveragePooling2D()(x)))


def unet() -> keras.Model:
    i = keras.Input((16, 16, 3), name="image")
    a = conv_bn(i, 4)
    b = conv_bn(L.MaxPooling2D(2)(a), 8)
    c = conv_bn(L.MaxPooling2D(2)(b), 8)
    d = conv_bn(L.Concatenate()([L.Conv2DTranspose(8, 3, 2, padding="same")(c), b]), 8)
    e = L.Concatenate()([L.UpSampling2D(2, interpolation="bilinear")(d), L.UpSampling2D(2)(d), a])
    return keras.Model(i, L.Conv2D(2, 1, activation="sigmoid")(e))


def two_inputs() -> keras.Model:
    image, table = keras.Input((15, 13, 3), name="image"), keras.Input((7,), name="table")
    x = L.Flatten()(L.AveragePooling2D(2)(L.Conv2D(6, 3, 2, activation="elu")(image)))
    t = L.Dense(6, "tanh")(L.BatchNormalization()(L.Dense(8)(table)))
    both = L.Concatenate()([L.Dense(6, "gelu")(x), t])
    return keras.Model(
        [image, table], [L.Dense(3, "softmax", name="kind")(both), L.Dense(1, "sigmoid", name="risk")(t)]
    )


def block(x: Value, d: int, heads: int) -> Value:
    y = L.LayerNormalization(epsilon=1e-6)(x)
    x = L.Add()([x, L.MultiHeadAttention(heads, d // heads)(y, y)])
    y = L.LayerNormalization(epsilon=1e-6)(x)
    return L.Add()([x, L.Dense(d)(L.Dense(2 * d, "gelu")(y))])


def encoder() -> keras.Model:
    i = keras.Input((6, 12), name="x")
    x = block(block(i, 12, 3), 12, 3)
    return keras.Model(i, L.Dense(4)(L.GlobalAveragePooling1D()(x)))


def tokens() -> keras.Model:
    i = keras.Input((9,), dtype="int32", name="ids")
    x = block(L.Embedding(30, 12)(i), 12, 3)
    return keras.Model(i, L.Dense(4, "softmax")(L.GlobalMaxPooling1D()(x)))


def signal() -> keras.Model:
    i = keras.Input((47, 2), name="x")
    x = L.MaxPooling1D(3, 2, padding="same")(
        L.PReLU(shared_axes=[1])(L.BatchNormalization()(L.Conv1D(8, 5, 2, padding="same")(i)))
    )
    x = L.Conv1D(8, 3, dilation_rate=2, padding="causal", activation="softplus")(x)
    x = L.Activation("selu")(L.SeparableConv1D(6, 3, padding="same")(x))
    return keras.Model(
        i, L.Dense(4, "softmax")(L.Concatenate()([L.GlobalMaxPooling1D()(x), L.GlobalAveragePooling1D()(x)]))
    )


def convnext() -> keras.Model:
    i = keras.Input((32, 32, 3), name="image")
    x = L.LayerNormalization(epsilon=1e-6)(L.Conv2D(8, 4, 4)(i))
    y = L.Dense(8)(L.Dense(32, "gelu")(L.LayerNormalization(epsilon=1e-6)(L.DepthwiseConv2D(7, padding="same")(x))))
    return keras.Model(i, L.Dense(5)(L.GlobalAveragePooling2D()(L.Add()([x, y]))))


ZOO: dict[str, Callable[[], keras.Model]] = {
    "resnet": resnet,
    "vgg": vgg,
    "densenet": densenet,
    "mobilenet_v2": lambda: mobile(lambda: L.ReLU(6.0), None),
    "mobilenet_v3": lambda: mobile(lambda: L.Activation("hard_silu"), ("relu", "hard_sigmoid")),
    "efficientnet": lambda: mobile(lambda: L.Activation("swish"), ("swish", "sigmoid")),
    "unet": unet,
    "two_inputs": two_inputs,
    "encoder": encoder,
    "tokens": tokens,
    "signal": signal,
    "convnext": convnext,
}


def model(name: str) -> keras.Model:
    """Random weights; statistics of normalisations away from 0 and 1."""
    keras.utils.set_random_seed(0)
    made, rng = ZOO[name](), np.random.default_rng(0)
    for layer in made.layers:
        if isinstance(layer, L.BatchNormalization):
            gamma, beta, mean, var = (w.shape for w in layer.get_weights())
            layer.set_weights(
                [
                    rng.uniform(0.5, 1.5, gamma),
                    rng.normal(0, 0.3, beta),
                    rng.normal(0, 0.3, mean),
                    rng.uniform(0.5, 1.5, var),
                ]
            )
    return made


def data(made: keras.Model, n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    return {
        # no token twice: the same token in two places is a tie for max-pooling
        i.name: rng.random((n, 30)).argsort(1)[:, : i.shape[1]].astype(np.int32)
        if i.dtype == "int32"
        else rng.normal(size=(n, *i.shape[1:])).astype(np.float32)
        for i in made.inputs
    }
