"""Every method of the field on the same picture: digits that the shipped demo model reads, a row each.

    python examples/methods_side_by_side.py [folder]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

import onnxplain as ox
from onnxplain.demo import TASKS

SAMPLES = [2, 5, 8]


def columns(background: np.ndarray, references: np.ndarray) -> dict[str, Any]:
    """What stands above each column: the method."""
    return {
        "gradient": ox.Gradient(),
        "gradient\n× input": ox.Gradient(times_input=True),
        "SmoothGrad": ox.SmoothGrad(),
        "SmoothGrad²": ox.SmoothGradSquared(),
        "VarGrad": ox.VarGrad(),
        "integrated\ngradients": ox.IntegratedGradients(baseline=background, n_steps=200),
        "DeepLIFT": ox.DeepLift(baseline=background),
        "DeepLIFT\nreveal-cancel": ox.DeepLift(baseline=background, rule="reveal_cancel"),
        "DeepSHAP": ox.DeepShap(data_ref=references),
        "LRP": ox.LRP(),
        "LRP α2β1": ox.LRP("epsilon_alpha2_beta1"),
        "excitation\nbackprop": "excitation_backprop",
        "guided\nbackprop": ox.GuidedBackprop(),
        "deconvnet": ox.Deconvnet(),
        "Grad-CAM": ox.GradCam(),
        "Grad-CAM++": ox.GradCamPlusPlus(),
        "LayerCAM": ox.LayerCam(),
    }


def draw(model: ox.Model, pictures: np.ndarray, table: dict[str, Any]) -> Figure:
    read = model.predict(pictures)["digit"].argmax(1)
    figure = Figure(figsize=(1.05 * (1 + len(table)), 1.25 * len(pictures) + 0.5), layout="constrained")
    axes = figure.subplots(len(pictures), 1 + len(table))
    for s, row in enumerate(axes):
        row[0].imshow(pictures[s, 0], cmap="gray_r")
        row[0].set_ylabel(f"read as {read[s]}", fontsize=8)
    for column, (title, method) in enumerate(table.items(), 1):
        values = ox.explain(model, pictures, method, seed=0, progress=False)["image"].values
        axes[0, column].set_title(title, fontsize=8)
        for s, row in enumerate(axes):
            relevance = values[s, 0, :, :, 0]
            limit = np.abs(relevance).max() or 1.0
            row[column].imshow(relevance, cmap="RdBu_r", vmin=-limit, vmax=limit)
    for ax in axes.flat:
        ax.set_xticks([])
        ax.set_yticks([])
    return figure


def main(folder: Path) -> None:
    task = TASKS[0]
    data, _ = task.read()
    model = ox.load(task.model)
    pictures = data["image"]
    background = np.full(pictures.shape[1:], pictures.min(), pictures.dtype)
    table = columns(background, pictures)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "methods_side_by_side.png"
    draw(model, pictures[SAMPLES], table).savefig(path, dpi=110)
    print(f"{len(table)} methods on {len(SAMPLES)} digits: {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
