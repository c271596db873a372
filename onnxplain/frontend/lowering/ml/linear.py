"""LinearRegressor and LinearClassifier: a matrix product."""

from __future__ import annotations

import numpy as np

from ..body import Body
from .constants import as_floats, floats
from .scores import above, classes, labelled, largest, transform_of, transformed


def product(b: Body, x: str, weights: np.ndarray, bias: np.ndarray | None, at: str) -> str:
    """x Wᵀ + b, (sample, row of W)."""
    if bias is None:
        return b("MatMul", x, floats(b, weights.T), at=at)
    return b("Add", b("MatMul", x, floats(b, weights.T)), floats(b, bias), at=at)


def linear_regressor(b: Body) -> None:
    n = b.attr("targets", 1)
    coefficients, bias = np.array(b.attr("coefficients", ())), np.array(b.attr("intercepts", ()))
    if b.rank(b.input(0)) == 1 or not len(coefficients) or len(coefficients) % n or len(bias) not in (0, n):
        return
    scores = product(b, as_floats(b), coefficients.reshape(n, -1), bias if len(bias) else None, "scores")
    transformed(b, scores, n, transform_of(b))


def linear_classifier(b: Body) -> None:
    """A row of weights per class; with one row for two classes the columns are 1 − s and s, or σ(−s) and σ(s)."""
    coefficients, bias, labels = np.array(b.attr("coefficients", ())), np.array(b.attr("intercepts", ())), classes(b)
    n, transform = len(bias), transform_of(b)
    if b.rank(b.input(0)) == 1 or not n or not len(coefficients) or len(coefficients) % n:
        return
    w = coefficients.reshape(n, -1)
    if n > 1:
        if labels is not None and len(labels) != n:
            return
        scores = product(b, as_floats(b), w, bias, "scores")
        labelled(b, largest(b, scores), np.arange(n) if labels is None else labels)
        transformed(b, scores, n, transform)
        return
    two = labels is not None and len(labels) == 2
    if (labels is not None and not two) or (two and transform == "PROBIT"):
        return
    if two:
        shift = 0.0 if transform == "LOGISTIC" else 1.0
        w, bias = np.concatenate([-w, w]), np.concatenate([shift - bias, bias])
    scores = product(b, as_floats(b), w, bias, "scores")
    labelled(b, above(b, scores, len(w) - 1, 0.0), np.arange(2) if labels is None else labels)
    # one score or two, what is left to do is the sigmoid of two
    transformed(b, scores, len(w), transform if transform in ("LOGISTIC", "PROBIT") else "NONE")
