"""A one-dimensional convolutional net on two-channel signals, trained here in seconds: which moments decided?

    python examples/series.py
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch

import onnxplain as ox

torch.manual_seed(0)
LENGTH = 96


def signals(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise on two channels; class 1 has a bump on channel 0, somewhere. Returns x, class, the bump's place."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.3, (n, 2, LENGTH)).astype(np.float32)
    y, at = rng.integers(0, 2, n), rng.integers(12, LENGTH - 12, n)
    for i in np.flatnonzero(y):
        x[i, 0] += 1.5 * np.exp(-0.5 * ((np.arange(LENGTH) - at[i]) / 3.0) ** 2).astype(np.float32)
    return x, y, at


net = torch.nn.Sequential(
    torch.nn.Conv1d(2, 8, 7, padding=3),
    torch.nn.ReLU(),
    torch.nn.MaxPool1d(4),
    torch.nn.Conv1d(8, 8, 5, padding=2),
    torch.nn.ReLU(),
    torch.nn.AdaptiveMaxPool1d(1),
    torch.nn.Flatten(),
    torch.nn.Linear(8, 2),
)
x, y, _ = signals(512, 1)
optimizer = torch.optim.Adam(net.parameters(), 0.01)
for _ in range(60):
    loss = torch.nn.functional.cross_entropy(net(torch.from_numpy(x)), torch.from_numpy(y))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()

file = io.BytesIO()
torch.onnx.export(
    net.eval(), (torch.from_numpy(x[:2]),), file, dynamo=False, input_names=["signal"], output_names=["class"],
    dynamic_axes={"signal": {0: "n"}, "class": {0: "n"}},
)  # fmt: skip
x, y, at = signals(200, 2)
model = ox.load(file.getvalue(), input_labels={"signal": {"channel": ["bump", "noise"]}}, output_labels=["flat", "bump"])
e = ox.explain(model, x, "deeplift", target="bump")

peak = abs(e.values[..., 0]).sum(1).argmax(1)[y == 1]  # over channels, then the loudest moment
hit = np.abs(peak - at[y == 1]) <= 6
print(f"accuracy {(model.predict(x)['class'].argmax(1) == y).mean():.0%}")
print(f"the loudest moment of the attribution lies at the bump in {hit.mean():.0%} of the signals that have one")
out = Path("demo-output")
out.mkdir(exist_ok=True)
e.plot(sample=int(np.flatnonzero(y)[0])).savefig(out / "series.png")
print(f"wrote {out / 'series.png'}")
