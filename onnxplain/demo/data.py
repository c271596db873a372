"""The demo's two small tasks, both on scikit-learn's handwritten digits (8 × 8 pixels, ink from 0 to 1).

`digits`: read the digit from its picture. `half_digits`: the lower half of the picture is lost; read the digit from
the upper half and a table of eight measurements that were taken of the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent / "models"
DIGITS = tuple("0123456789")
MEASURES = (
    "ink top left",
    "ink top right",
    "ink bottom left",
    "ink bottom right",
    "mean row",
    "mean column",
    "spread of rows",
    "spread of columns",
)


@dataclass(frozen=True)
class Task:
    """A trained model beside this file and a few samples that it was not trained on."""

    name: str
    title: str
    inputs: tuple[str, ...]

    @property
    def model(self) -> Path:
        return HERE / f"{self.name}.onnx"

    @property
    def samples(self) -> Path:
        return HERE / f"{self.name}.npz"

    def read(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """(the inputs by name, the true digits): one sample of each digit and two that the model misreads."""
        with np.load(self.samples) as stored:
            return {k: stored[k] for k in stored.files if k in self.inputs}, stored["digit_true"]

    def accuracy(self) -> tuple[float, int]:
        """(share of held-out digits that the model reads right, their number)."""
        with np.load(self.samples) as stored:
            return float(stored["accuracy"]), int(stored["held_out"])


TASKS = (
    Task("digits", "a convolutional net reads a digit from its picture", ("image",)),
    Task("half_digits", "two inputs: the upper half of the picture, and measurements of the whole", ("image", "table")),
)


def measure(images: np.ndarray) -> np.ndarray:
    """Eight numbers from whole pictures (samples, 8, 8), each of the order of 1."""
    rows, columns = np.arange(8)[:, None], np.arange(8)[None, :]
    ink = images.sum((1, 2))

    def mean(v: np.ndarray) -> np.ndarray:
        return (images * v).sum((1, 2)) / ink

    quarters = [images[:, r, c].sum((1, 2)) / 8 for r in (slice(4), slice(4, 8)) for c in (slice(4), slice(4, 8))]
    row, column = mean(rows), mean(columns)
    spreads = [np.sqrt(mean(rows**2) - row**2) / 2, np.sqrt(mean(columns**2) - column**2) / 2]
    return np.stack([*quarters, row / 4, column / 4, *spreads], axis=1).astype(np.float32)
