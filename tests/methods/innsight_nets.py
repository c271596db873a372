"""Nets of innsight's golden cases, written as ONNX by hand: dense and convolution layers, each with its activation."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import onnxplain as ox

from ..engine.build import Writer

FOLDER = Path(__file__).parents[1] / "golden" / "innsight"
ACTIVATIONS = {
    "leaky_relu": "LeakyRelu",
    "logistic": "Sigmoid",
    "relu": "Relu",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "tanh": "Tanh",
}


@cache
def cases() -> dict[str, Any]:
    return {c["name"]: c for c in json.loads((FOLDER / "cases.json").read_text())["cases"]}


@cache
def arrays(name: str) -> dict[str, np.ndarray]:
    with np.load(FOLDER / f"{name}.npz") as z:
        return {k: z[k] for k in z.files}


def net(name: str, last_activation: bool) -> ox.Model:
    """One chain of layers; `last_activation=False` leaves the last activation out, whatever it is."""
    w, case, numbers = Writer(), cases()[name], arrays(name)
    h = "x"
    for i, layer in enumerate(case["layers"]):
        weights = [w.constant(numbers[layer["arrays"][k]["key"]]) for k in ("weight", "bias") if k in layer["arrays"]]
        if layer["type"] == "Dense":
            h = w.node("Gemm", h, *weights, transB=1)
        elif layer["type"] in ("Conv1D", "Conv2D"):
            h = w.node("Conv", h, *weights, **_window(layer))
        elif layer["type"] == "Flatten":
            h = w.node("Flatten", h)
        else:
            raise NotImplementedError(layer["type"])
        activation = layer.get("activation_name", "linear")
        if activation != "linear" and (last_activation or i + 1 < len(case["layers"])):
            h = w.node(ACTIVATIONS[activation], h)
    w.node("Identity", h, to="y")
    return ox.load(w.model({"x": ("N", *case["input_dim"][0])}, {"y": ("N", case["output_dim"][0][0])}), dtype="float64")


def _window(layer: dict[str, Any]) -> dict[str, Any]:
    """Strides, dilations and pads; innsight counts a 2d padding as left, right, top, bottom."""
    rank = 1 if layer["type"] == "Conv1D" else 2

    def each(value: Any, n: int) -> list[int]:
        return list(np.ravel(value)) * n if np.size(value) == 1 else [int(v) for v in np.ravel(value)]

    pads = each(layer.get("padding", 0), 2 * rank)
    if rank == 2:
        left, right, top, bottom = pads if len(pads) == 4 else [p for p in pads for _ in range(2)]
        pads = [top, left, bottom, right]
    return {"pads": pads, "strides": each(layer.get("stride", 1), rank), "dilations": each(layer.get("dilation", 1), rank)}
