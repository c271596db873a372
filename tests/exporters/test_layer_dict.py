"""A dict of layers as an ONNX model (its numbers are held to innsight's own in tests/innsight)."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch

import onnxplain as ox
from onnxplain_converters import ConversionError, framework_of, to_onnx

RANDOM = np.random.default_rng(0)


def weight(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def dense(n_in: int, n_out: int, **more: Any) -> dict[str, Any]:
    return {"type": "Dense", "weight": weight(n_out, n_in), "bias": weight(n_out), "activation_name": "linear", **more}


def test_a_dict_is_recognised_by_its_layers() -> None:
    model = {"layers": [dense(3, 2)], "input_dim": 3, "input_names": ["a", "b", "c"], "output_names": ["u", "v"]}
    assert framework_of(model) == "layers" and framework_of({"weights": []}) is None
    proto = to_onnx(model)
    onnx.checker.check_model(proto, full_check=True)
    loaded = ox.load(proto, verify="always")
    assert loaded.labels == {"Output_1": ("u", "v")} and loaded.inputs["Input_1"].labels == {"feature": ("a", "b", "c")}


def test_layers_may_stand_in_any_order() -> None:
    last, first = dense(4, 2, input_layers=[2], output_layers=[-1]), dense(3, 4, input_layers=[0], output_layers=[1])
    x = weight(5, 3)
    hidden = x @ first["weight"].T + first["bias"]
    y = ox.load(to_onnx({"layers": [last, first], "input_dim": 3})).predict(x)["Output_1"]
    np.testing.assert_allclose(y, hidden @ last["weight"].T + last["bias"], rtol=1e-4, atol=1e-5)


def test_margins_are_left_right_top_bottom_and_strides_height_width() -> None:
    w, x = weight(3, 2, 2, 3), weight(2, 2, 7, 9)
    conv = {
        "type": "Conv2D",
        "weight": w,
        "padding": [1, 2, 3, 0],
        "stride": [2, 3],
        "dilation": [2, 1],
        "activation_name": "softplus",
    }
    flat = {"type": "Flatten"}
    y = ox.load(to_onnx({"layers": [conv, flat], "input_dim": [2, 7, 9]})).predict(x)["Output_1"]
    padded = torch.nn.functional.pad(torch.from_numpy(x), (1, 2, 3, 0))
    expected = torch.nn.functional.conv2d(padded, torch.from_numpy(w), None, (2, 3), 0, (2, 1))
    expected = torch.nn.functional.softplus(expected).flatten(1)
    np.testing.assert_allclose(y, expected.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("mode", "torchs"),
    [("reflect", "reflect"), ("replicate", "replicate"), ("circular", "circular"), ("constant", "constant")],
)
def test_padding_has_torchs_modes(mode: str, torchs: str) -> None:
    x = weight(2, 2, 4, 5)
    layers = [{"type": "Padding", "padding": [1, 2, 0, 3], "mode": mode, "value": 0}, {"type": "Flatten"}]
    y = ox.load(to_onnx({"layers": layers, "input_dim": [2, 4, 5]})).predict(x)["Output_1"]
    expected = torch.nn.functional.pad(torch.from_numpy(x), (1, 2, 0, 3), mode=torchs)
    np.testing.assert_array_equal(y, expected.flatten(1).numpy())


def test_flatten_over_channels_last_is_asked_for() -> None:
    from onnxplain_converters.from_layers.layer_dict import to_onnx as layers_to_onnx

    x = weight(2, 3, 4)
    proto = layers_to_onnx({"layers": [{"type": "Flatten"}], "input_dim": [3, 4]}, channels_first=False)
    np.testing.assert_array_equal(ox.load(proto).predict(x)["Output_1"], np.moveaxis(x, 1, -1).reshape(2, 12))


def test_float64_weights_stay_float64() -> None:
    layer = dense(3, 2) | {"weight": RANDOM.standard_normal((2, 3))}
    proto = to_onnx({"layers": [layer], "input_dim": 3})
    assert proto.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.DOUBLE


WRONG: dict[str, tuple[Any, str]] = {
    "no size": ({"layers": [dense(2, 2)]}, "no 'input_dim'"),
    "empty": ({"layers": [], "input_dim": 2}, "empty"),
    "type": ({"layers": [{"type": "LSTM"}], "input_dim": 2}, "layer 1 has type 'LSTM'; the types are Dense"),
    "activation": (
        {"layers": [dense(2, 2, activation_name="gelu")], "input_dim": 2},
        r"layer 1 \(Dense\): has activation 'gelu'",
    ),
    "weight": ({"layers": [{"type": "Dense"}], "input_dim": 2}, r"layer 1 \(Dense\): has no 'weight'"),
    "number": ({"layers": [dense(2, 2, input_layers=[7])], "input_dim": 2}, r"reads layers \[7\]"),
    "circle": (
        {
            "layers": [dense(2, 2, input_layers=[0]), dense(2, 2, input_layers=[3]), dense(2, 2, input_layers=[2])],
            "input_dim": 2,
        },
        r"\[2, 3\] read each other in a circle",
    ),
    "unfed": (
        {"layers": [dense(2, 2, input_layers=[0]), dense(2, 2, input_layers=[0])], "input_dim": 2, "input_nodes": [1]},
        r"layers \[2\] read a model input",
    ),
    "inputs": ({"layers": [dense(2, 2)], "input_dim": [[2], [3]]}, "2 sizes for 1 inputs"),
    "mode": ({"layers": [{"type": "Padding", "padding": 1, "mode": "odd"}], "input_dim": [1, 2, 2]}, "mode 'odd'"),
    "margins": (
        {"layers": [{"type": "Conv2D", "weight": weight(1, 1, 1, 1), "padding": [1, 2, 3]}], "input_dim": [1, 3, 3]},
        "padding has 3 numbers",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_dict_is_said(name: str) -> None:
    model, message = WRONG[name]
    with pytest.raises(ConversionError, match=message):
        to_onnx(model)
