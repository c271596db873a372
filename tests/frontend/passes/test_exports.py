"""Layers as torch's two exporters write them, at old opsets and new."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from functools import cache

import onnx
import pytest
import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.nn import functional as F

from .harness import data, operators, unchanged


class Function(nn.Module):
    def __init__(self, f: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.f = f

    def forward(self, x: Tensor) -> Tensor:
        return self.f(x)


class RMSNorm(nn.Module):
    """As LLaMA's authors write it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.rand(6) + 0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


class Channels(nn.Module):
    """LayerNorm over axis 1, as ConvNeXt's authors write it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(5) + 0.5), nn.Parameter(torch.randn(5))

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        x = (x - u) / torch.sqrt((x - u).pow(2).mean(1, keepdim=True) + 1e-6)
        return self.weight[:, None] * x + self.bias[:, None]


def hugging_face_gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x.pow(3))))


def stable_softmax(x: Tensor) -> Tensor:
    e = torch.exp(x - x.amax(-1, keepdim=True))
    return e / e.sum(-1, keepdim=True)


LAYERS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "LayerNorm": ("LayerNormalization", lambda: nn.LayerNorm(6)),
    "LayerNorm without parameters": ("LayerNormalization", lambda: nn.LayerNorm(6, elementwise_affine=False)),
    "LayerNorm over two axes": ("LayerNormalization", lambda: nn.LayerNorm((5, 6))),
    "LayerNorm over channels": ("LayerNormalization", Channels),
    "RMSNorm": ("RMSNormalization", RMSNorm),
    "GELU": ("Gelu", nn.GELU),
    "GELU by tanh": ("Gelu", lambda: nn.GELU("tanh")),
    "GELU by Hugging Face": ("Gelu", lambda: Function(hugging_face_gelu)),
    "quick GELU": ("Swish", lambda: Function(lambda x: x * torch.sigmoid(1.702 * x))),
    "SiLU": ("Swish", nn.SiLU),
    "Hardswish": ("HardSwish", nn.Hardswish),
    "Hardswish by ReLU6": ("HardSwish", lambda: Function(lambda x: x * F.relu6(x + 3) / 6)),
    "Mish": ("Mish", nn.Mish),
    "softmax by hand": ("Softmax", lambda: Function(stable_softmax)),
}


@cache
def exported(name: str, dynamo: bool, opset: int) -> ModelProto:
    torch.manual_seed(0)
    model = LAYERS[name][1]().eval()
    x = torch.from_numpy(data()).float()
    file = io.BytesIO()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            if dynamo:
                return torch.onnx.export(model, (x,), dynamo=True, opset_version=opset, verbose=False).model_proto
            torch.onnx.export(model, (x,), file, dynamo=False, opset_version=opset, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    finally:
        logging.disable(logging.NOTSET)
    return onnx.load_model_from_string(file.getvalue())


@pytest.mark.parametrize("opset", [12, 13, 16, 17, 18, 20])
@pytest.mark.parametrize("name", LAYERS)
def test_a_scripted_export_is_one_layer_again(name: str, opset: int) -> None:
    assert operators(unchanged(exported(name, False, opset), data())) == [LAYERS[name][0]]


@pytest.mark.slow
@pytest.mark.parametrize("opset", [18, 20, 23])
@pytest.mark.parametrize("name", LAYERS)
def test_a_dynamo_export_is_one_layer_again(name: str, opset: int) -> None:
    assert operators(unchanged(exported(name, True, opset), data())) == [LAYERS[name][0]]
