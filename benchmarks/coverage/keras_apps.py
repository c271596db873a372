"""keras.applications for small images, and recurrent Keras nets, through `model.export(format="onnx")`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .net import Architecture, Exported

#: application → (size of the image, arguments)
APPLICATIONS: dict[str, tuple[int, dict[str, Any]]] = {
    "MobileNet": (64, {"alpha": 0.25}),
    "MobileNetV2": (64, {"alpha": 0.35}),
    "MobileNetV3Small": (64, {}),
    "ResNet50": (64, {}),
    "ResNet50V2": (64, {}),
    "VGG16": (48, {}),
    "Xception": (71, {}),
    "DenseNet121": (64, {}),
    "InceptionV3": (96, {}),
    "InceptionResNetV2": (96, {}),
    "NASNetMobile": (64, {}),
    "EfficientNetB0": (64, {}),
    "EfficientNetV2B0": (64, {}),
    "ConvNeXtTiny": (64, {}),
}


def _seeded() -> np.random.Generator:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

    keras.utils.set_random_seed(0)
    return np.random.default_rng(0)


def _application(name: str, size: int, arguments: dict[str, Any]) -> Exported:
    rng = _seeded()
    import keras

    net = getattr(keras.applications, name)(input_shape=(size, size, 3), weights=None, classes=10, **arguments)
    x = rng.uniform(0, 255, (2, size, size, 3)).astype(np.float32)
    _settle(net, x, rng)
    return _exported(net, [x])


def _settle(net: Any, x: np.ndarray, rng: np.random.Generator) -> None:
    """Batch normalisations see the data, so that activations neither die nor explode; scales and offsets vary."""
    from keras import layers

    norms = [n for n in net._flatten_layers(include_self=False) if isinstance(n, layers.BatchNormalization)]
    for n in norms:
        n.momentum = 0.0
    if norms:
        net(x, training=True)
    for n in norms:
        for weight in (n.gamma, n.beta, n.moving_mean):
            if weight is not None:
                weight.assign(weight + 0.1 * rng.standard_normal(weight.shape).astype(np.float32))


def _recurrent(make: Callable[[Any, Any], Any]) -> Exported:
    rng = _seeded()
    import keras

    net = make(keras, keras.layers)
    x = rng.standard_normal((2, *net.input_shape[1:])).astype(np.float32)
    return _exported(net, [x])


def _exported(net: Any, data: list[np.ndarray]) -> Exported:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        net.export(path, format="onnx", verbose=False)
        proto = onnx.load(path)
    stored = {t.name for t in proto.graph.initializer}
    names = [i.name for i in proto.graph.input if i.name not in stored]
    return Exported(proto, dict(zip(names, data, strict=False)), "tf2onnx")


def _lstm(keras: Any, layers: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((9, 5)),
            layers.Bidirectional(layers.LSTM(8, return_sequences=True)),
            layers.LSTM(6),
            layers.Dense(3),
        ]
    )


def _gru(keras: Any, layers: Any) -> Any:
    return keras.Sequential(
        [keras.Input((9, 5)), layers.GRU(8, return_sequences=True), layers.SimpleRNN(6), layers.Dense(3)]
    )


def _attention(keras: Any, layers: Any) -> Any:
    i = keras.Input((9, 8))
    x = layers.LayerNormalization()(layers.Add()([i, layers.MultiHeadAttention(2, 4)(i, i)]))
    return keras.Model(i, layers.Dense(3)(layers.GlobalAveragePooling1D()(layers.Dense(16, activation="gelu")(x))))


def _temporal(keras: Any, layers: Any) -> Any:
    """Dilated causal convolutions, gated (WaveNet)."""
    i = x = keras.Input((16, 4))
    for rate in (1, 2, 4):
        a, b = (layers.Conv1D(6, 2, padding="causal", dilation_rate=rate, activation=f)(x) for f in ("tanh", "sigmoid"))
        y = layers.Conv1D(6, 1)(layers.Multiply()([a, b]))
        x = y if x is i else layers.Add()([x, y])
    return keras.Model(i, layers.Dense(3)(layers.GlobalMaxPooling1D()(x)))


def _unet(keras: Any, layers: Any) -> Any:
    i = keras.Input((32, 32, 3))
    a = layers.Conv2D(8, 3, padding="same", activation="elu")(i)
    b = layers.Conv2D(12, 3, padding="same", activation="relu")(layers.MaxPooling2D()(a))
    c = layers.Conv2D(16, 3, padding="same", activation="swish")(layers.AveragePooling2D()(b))
    d = layers.Concatenate()([layers.Conv2DTranspose(12, 2, 2)(c), b])
    e = layers.Concatenate()([layers.UpSampling2D(interpolation="bilinear")(layers.Conv2D(8, 3, padding="same")(d)), a])
    return keras.Model(i, layers.Conv2D(2, 1, activation="softmax")(e))


OTHERS = {
    "bidirectional LSTM": _lstm,
    "GRU and RNN": _gru,
    "attention block": _attention,
    "WaveNet": _temporal,
    "U-Net": _unet,
}

ARCHITECTURES = [
    *(
        Architecture(f"keras/{n}", "Keras", partial(_application, n, s, a), f"{s}² pixels")
        for n, (s, a) in APPLICATIONS.items()
    ),
    *(Architecture(f"keras/{n}", "Keras", partial(_recurrent, make), "small") for n, make in OTHERS.items()),
]
