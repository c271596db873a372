"""scikit-learn's cells; derivatives by differences, as it computes in double precision and has none of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.decomposition import PCA
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from ..sklearn_zoo import flowers
from .cell import Cell, Entry, Row, slopes

MODELS: dict[str, Callable[[], Any]] = {
    "dense": lambda: MLPClassifier((6, 5), activation="tanh", max_iter=60, tol=0, random_state=0),
    "pipeline": lambda: make_pipeline(
        StandardScaler(),
        PCA(3),
        PolynomialFeatures(2),
        MLPClassifier((6,), activation="logistic", max_iter=60, tol=0, random_state=0),
    ),
}


def cells() -> Row:
    return {(name, ""): Entry(("object", "file"), partial(cell, name)) for name in MODELS}


def cell(name: str) -> Cell:
    frame, kinds = flowers()
    x = frame.to_numpy().astype(np.float32)
    model = MODELS[name]().fit(x.astype(np.float64), kinds)

    def predict(rows: Any) -> Any:
        return model.predict_proba(rows.astype(np.float64))

    def write(folder: Path) -> Path:
        joblib.dump(model, folder / "net.joblib")
        return folder / "net.joblib"

    return Cell({"x": x[::9]}, predict, partial(slopes, predict), model, {"file": write}, x, {"trust": True})
