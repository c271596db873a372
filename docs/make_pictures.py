"""docs/images: the pictures of README and documentation, from the demo's model. Run after the model changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import onnxplain as ox
from onnxplain.demo import TASKS

SAMPLES = (2, 3, 4, 5, 6, 8, 9, 10)
IMAGES = Path(__file__).parent / "images"


def digits() -> Figure:
    """Digits above, the relevance of their pixels below."""
    data, truth = TASKS[0].read()
    model = ox.load(TASKS[0].model)
    e = ox.explain(model, data, ox.Smooth(ox.LRP(), n_samples=20), seed=0)
    read = model.predict(data)["digit"].argmax(1)
    figure = Figure(figsize=(len(SAMPLES) * 1.1, 2.6), layout="constrained")
    for column, (s, axes) in enumerate(zip(SAMPLES, figure.subplots(2, len(SAMPLES)).T, strict=True)):
        relevance = e["image"].values[s, 0, :, :, 0]
        limit = np.abs(relevance).max()
        axes[0].imshow(data["image"][s, 0], cmap="gray_r")
        axes[1].imshow(relevance, cmap="RdBu_r", vmin=-limit, vmax=limit)
        axes[0].set_title(f"read as {read[s]}" + ("" if read[s] == truth[s] else f"\nis a {truth[s]}"), fontsize=9)
        for ax in axes:
            ax.set_xticks([])
            ax.set_yticks([])
        if column == 0:
            axes[0].set_ylabel("picture", fontsize=9)
            axes[1].set_ylabel("relevance", fontsize=9)
    return figure


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    digits().savefig(IMAGES / "digits.png", dpi=110)
