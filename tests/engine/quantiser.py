"""The small models, quantised by onnxruntime in each of its ways."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import ModelProto
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_dynamic, quantize_static

from .models import CASES


class Samples(CalibrationDataReader):
    def __init__(self, feeds: dict[str, np.ndarray]) -> None:
        n = len(next(iter(feeds.values())))
        self.rows = iter([{k: v[i : i + 1] for k, v in feeds.items()} for i in range(n)])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.rows, None)


def samples(name: str, n: int, seed: int = 1) -> dict[str, np.ndarray]:
    return {k: v.astype(np.float32) for k, v in CASES[name].data(n, seed=seed).items()}


WAYS: dict[str, dict[str, Any]] = {
    "QDQ": {"quant_format": QuantFormat.QDQ},
    "QDQ signed, per channel": {"quant_format": QuantFormat.QDQ, "per_channel": True, "activation_type": QuantType.QInt8},
    "QOperator": {"quant_format": QuantFormat.QOperator},
    "QOperator per channel": {"quant_format": QuantFormat.QOperator, "per_channel": True},
    "dynamic": {},
    "dynamic per channel": {"per_channel": True},
}
NETS = ("mlp", "cnn", "attention", "residual")


@cache
def quantised(name: str, way: str) -> ModelProto:
    with TemporaryDirectory() as folder:
        whole, few = Path(folder) / "whole.onnx", Path(folder) / "few.onnx"
        onnx.save(CASES[name].proto(), whole)
        if way.startswith("dynamic"):
            quantize_dynamic(whole, few, weight_type=QuantType.QInt8, **WAYS[way])
        else:
            quantize_static(whole, few, Samples(samples(name, 64)), **WAYS[way])
        return onnx.load(few)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Of all numbers; equal ones rank by their place."""
    ranks = [np.argsort(np.argsort(v.ravel(), kind="stable"), kind="stable") for v in (a, b)]
    return float(np.corrcoef(*ranks)[0, 1])
