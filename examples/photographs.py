"""A VGG-16-shaped net on the two photographs that scikit-learn bundles, 224 × 224: methods side by side.

The weights are random, so the pictures show what the methods do, not what a trained net sees.

    python examples/photographs.py
"""

from __future__ import annotations

import io
import time
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sklearn.datasets import load_sample_images

import onnxplain as ox

torch.manual_seed(0)
WIDTHS = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool")
METHODS = {
    "gradient × input": ox.Gradient(times_input=True),
    "integrated gradients": ox.IntegratedGradients(n_steps=5),
    "DeepLIFT": ox.DeepLift(),
    "LRP ε": ox.LRP("epsilon"),
    "LRP z⁺": ox.LRP("epsilon_plus"),
    "LRP α2β1": ox.LRP("epsilon_alpha2_beta1"),
    "LRP box, γ, ε": ox.LRP(ox.EpsilonGammaBox(low=-1.0, high=1.0)),
    "Grad-CAM": ox.GradCam(),
}

layers: list[torch.nn.Module] = []
channels = 3
for width in WIDTHS:
    if isinstance(width, int):
        layers += [torch.nn.Conv2d(channels, width, 3, padding=1), torch.nn.ReLU()]
        torch.nn.init.kaiming_normal_(layers[-2].weight)
        channels = width
    else:
        layers.append(torch.nn.MaxPool2d(2))
net = torch.nn.Sequential(*layers, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, 10)).eval()
photos = torch.tensor(np.stack(load_sample_images().images) / 127.5 - 1, dtype=torch.float32).permute(0, 3, 1, 2)
photos = torch.nn.functional.interpolate(photos, (224, 224), mode="bilinear", antialias=True)

file = io.BytesIO()
torch.onnx.export(net, (photos,), file, dynamo=False, input_names=["photo"], dynamic_axes={"photo": {0: "n"}})
model = ox.load(file.getvalue())
figure = Figure(figsize=(2.1 * (len(METHODS) + 1), 4.6), layout="constrained")
axes = figure.subplots(2, len(METHODS) + 1)
for row in range(2):
    axes[row, 0].imshow((photos[row].permute(1, 2, 0).numpy() / 2 + 0.5).clip(0, 1))
axes[0, 0].set_title("photograph", fontsize=9)
for column, (name, method) in enumerate(METHODS.items(), 1):
    start = time.perf_counter()
    e = ox.explain(model, photos.numpy(), method)
    print(f"{name:22s} {time.perf_counter() - start:5.1f} s for both")
    for row in range(2):
        heat = e.values[row, ..., 0].sum(0)
        limit = np.quantile(np.abs(heat), 0.995) or 1
        axes[row, column].imshow(heat, cmap="RdBu_r", vmin=-limit, vmax=limit)
    axes[0, column].set_title(name, fontsize=9)
for ax in axes.flat:
    ax.set_axis_off()
out = Path("demo-output")
out.mkdir(exist_ok=True)
figure.savefig(out / "photographs.png", dpi=80)
print(f"wrote {out / 'photographs.png'}")
