"""R's cell: a neuralnet object that R saved, with R's own predictions; derivatives by differences of the net written out."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from onnxplain_converters.from_r.rds import read

from .cell import Cell, Entry, Row, slopes

FOLDER = Path(__file__).parents[2] / "golden" / "r"


def cells() -> Row:
    return {("dense", ""): Entry(("file",), cell)}


def cell() -> Cell:
    table = pd.read_csv(FOLDER / "tanh.csv")
    said = [c for c in table if c.startswith("prediction")]
    x, predictions = table.drop(columns=said).to_numpy()[:5], table[said].to_numpy()[:5]
    weights = weights_of(FOLDER / "tanh.rds", 1)  # the better of two repetitions

    def formula(rows: np.ndarray) -> np.ndarray:
        for w in weights[:-1]:
            rows = np.tanh(rows @ w[1:] + w[0])
        return 1 / (1 + np.exp(-(rows @ weights[-1][1:] + weights[-1][0])))

    np.testing.assert_allclose(formula(x), predictions, rtol=1e-10)
    files = {"file": lambda folder: FOLDER / "tanh.rds"}
    return Cell({"Input_1": x}, lambda rows: predictions, partial(slopes, formula), files=files)


def weights_of(path: Path, repetition: int) -> list[np.ndarray]:
    """A matrix per layer, whose first row is the intercept."""
    repetitions = read(path).get("weights")
    assert repetitions is not None
    return [w.numbers for w in repetitions.elements[repetition].elements]
