"""python -m tests.engine.peak CASE LIMIT: by how much one explanation raises the peak of resident memory beyond its result."""

from __future__ import annotations

import ctypes
import gc
import io
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import onnxplain as ox


class Dense(nn.Module):
    """Each convolution reads all values before it, joined together."""

    def __init__(self, growth: int = 16, depth: int = 8) -> None:
        super().__init__()
        self.convs = nn.ModuleList(nn.Conv2d(3 + i * growth, growth, 3, padding=1) for i in range(depth))
        self.head = nn.Linear(3 + depth * growth, 10)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.convs:
            x = torch.cat([x, torch.relu(conv(x))], 1)
        return self.head(x.mean((2, 3)))


class Attention(nn.Module):
    """One layer of self-attention over long sequences: the scores are much larger than what goes in."""

    def __init__(self, width: int = 32, heads: int = 4) -> None:
        super().__init__()
        self.heads, self.qkv, self.out, self.head = heads, nn.Linear(width, 3 * width), nn.Linear(width, width), nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = torch.softmax(q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5, -1) @ v
        return self.head((x + self.out(mixed.transpose(1, 2).flatten(2))).mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.head = nn.LSTM(16, 64, batch_first=True), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.lstm(x)[0][:, -1])


def convolutions() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if before == after:
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 40))


class Case(NamedTuple):
    net: Callable[[], nn.Module]
    shape: tuple[int, ...]
    method: Callable[[np.ndarray], Any]
    dtype: str = "float32"
    target: Any = "all"


IMAGES = (12, 3, 128, 128)
CASES = {
    "convolutions, LRP": Case(convolutions, IMAGES, lambda x: ox.LRP("epsilon_plus")),
    "convolutions, gradient in double precision": Case(convolutions, (6, 3, 64, 64), lambda x: "gradient", "float64"),
    "convolutions, DeepLIFT": Case(convolutions, IMAGES, lambda x: ox.DeepLift()),
    "convolutions, integrated gradients": Case(convolutions, IMAGES[:1] + (3, 64, 64), lambda x: ox.IntegratedGradients(n_steps=6)),
    "convolutions, DeepSHAP": Case(convolutions, (6, 3, 64, 64), lambda x: ox.DeepShap(data_ref=x[:5] + 1), target=[1, 2, 3]),
    "joined values, gradient": Case(Dense, (12, 3, 96, 96), lambda x: "gradient"),
    "joined values, DeepLIFT": Case(Dense, (12, 3, 96, 96), lambda x: ox.DeepLift()),
    "attention, LRP": Case(Attention, (6, 600, 32), lambda x: ox.LRP()),
    "attention, gradient": Case(Attention, (6, 600, 32), lambda x: "gradient"),
    "LSTM, gradient": Case(Recurrent, (200, 100, 16), lambda x: "gradient"),
    "LSTM, LRP": Case(Recurrent, (200, 100, 16), lambda x: ox.LRP()),
}


def growth(name: str, limit: float | None) -> float:
    """Bytes."""
    case = CASES[name]
    torch.manual_seed(0)
    x = np.random.default_rng(0).standard_normal(case.shape).astype(case.dtype)
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        net = case.net().eval()
        axes = {"x": {0: "n"}, "y": {0: "n"}}
        sample = (torch.from_numpy(x[:1].astype("float32")),)
        torch.onnx.export(net, sample, file, input_names=["x"], output_names=["y"], dynamic_axes=axes, dynamo=False)  # type: ignore[arg-type]
        model = ox.load(file.getvalue(), verify="never", dtype=case.dtype)
        method = case.method(x)
        ox.explain(model, x[:1], method, target=0, max_memory="1GB")  # what is imported, and made once
        gc.collect()
        before = _resident()
        e = ox.explain(model, x, method, target=case.target, max_memory=limit)
    return _peak() - before - e.values.nbytes


def _resident() -> float:
    """Bytes now; free memory goes back to the system first, and the peak starts anew."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def _status(what: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * float(next(line for line in lines if line.startswith(what)).split()[1])


if __name__ == "__main__":
    print(growth(sys.argv[1], float(sys.argv[2]) if len(sys.argv) > 2 else None))
