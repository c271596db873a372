"""A Keras model as it is: a network over an image and a table of three columns, loaded without an export, checked against Keras's own
predictions, and explained in its own layout: height, width, channel."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers

import onnxplain as ox

keras.utils.set_random_seed(0)
scan, patient = keras.Input((16, 14, 3), name="scan"), keras.Input((3,), name="patient")
x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", name="edges")(scan)))
x = layers.GlobalAveragePooling2D()(x)
both = layers.Concatenate()([x, layers.Dense(4, "tanh", name="habits")(patient)])
net = keras.Model([scan, patient], layers.Dense(2, "softmax", name="diagnosis")(both))

model = ox.load(
    net,  # a .keras or .h5 file is loaded by its name in the same way
    input_labels={"patient": ["age", "weight", "pressure"]},
    output_labels={"diagnosis": ["healthy", "ill"]},
)
rng = np.random.default_rng(0)
data = {"scan": rng.random((4, 16, 14, 3), "float32"), "patient": rng.normal(size=(4, 3)).astype("float32")}
print(model)

e = ox.explain(model, data, "deeplift", target="ill")
off = np.abs(model.predict(data)["diagnosis"] - np.asarray(net(list(data.values()))))
print(
    f"predictions differ from Keras's by {off.max():.1e}; contributions sum up to {np.abs(e.delta['diagnosis']).max():.1e}"
)
assert off.max() < 1e-5

pixels = e.attributions["scan", "diagnosis"].values[0, ..., 0].sum(-1)
row, column = np.unravel_index(np.abs(pixels).argmax(), pixels.shape)
print(f"most important pixel of the first scan: row {row}, column {column}")
for name, value in zip(
    ["age", "weight", "pressure"], e.attributions["patient", "diagnosis"].values[0, :, 0], strict=True
):
    print(f"{name:>9} {value:+.4f}")
