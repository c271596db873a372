"""What a scikit-learn model says of rows: probabilities, scores, predictions or transformed values, and what the columns are
called."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from .. import ConversionError
from .rows import Rows


@dataclass(frozen=True, eq=False)
class Result:
    """`values`: (rows, columns)."""

    name: str
    values: np.ndarray
    labels: tuple[str, ...]


def result_of(model: Any, rows: Rows, scores: bool) -> Result:
    """Of a classifier its probabilities, or `scores`: what decision_function says; of a regressor its prediction."""
    name, call = _asked(model, scores)
    what = type(model).__name__
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of names of features, which arrays do not have
            found = getattr(model, call)(rows.source)
    except Exception as error:  # estimators raise whatever they like
        if rows.drawn:
            raise ConversionError(
                f"{what}.{call} does not take made-up rows ({_first(error)}): give an example, some rows of its data"
            ) from error
        raise ConversionError(f"{what}.{call} does not take the example: {_first(error)}") from error
    if isinstance(found, list):
        raise ConversionError(f"{what} gives {len(found)} lists of probabilities: convert the classifier of one target")
    found = found.toarray() if hasattr(found, "toarray") else found
    values = np.asarray(found, np.float64)
    values = values.reshape(len(values), -1)
    return Result(name, values, _labels(model, name, values.shape[1]))


def _asked(model: Any, scores: bool) -> tuple[str, str]:
    """(name of the output, method)"""
    from sklearn.base import is_regressor

    what = type(model).__name__
    if scores and not hasattr(model, "decision_function"):
        raise ConversionError(f"{what} has no decision_function, so no scores: leave scores=True out")
    if hasattr(model, "predict_proba") and not scores:
        return "probabilities", "predict_proba"
    if hasattr(model, "decision_function"):
        return "scores", "decision_function"
    if hasattr(model, "classes_"):
        raise ConversionError(
            f"{what} gives labels only, no probabilities or scores, so there is nothing to explain: train one that has "
            "predict_proba (voting='soft', say)"
        )
    if hasattr(model, "transform") and not is_regressor(model):
        return "transformed", "transform"
    if hasattr(model, "predict"):
        return "prediction", "predict"
    raise ConversionError(f"{what} neither predicts nor transforms: it has no predict, decision_function or transform")


def _labels(model: Any, name: str, columns: int) -> tuple[str, ...]:
    classes = tuple(str(c) for c in getattr(model, "classes_", ()))
    if name in ("probabilities", "scores") and classes:
        if len(classes) == columns:
            return classes
        if columns == 1:
            return classes[-1:]
        pairs = tuple(f"{a} against {b}" for a, b in combinations(classes, 2))
        return pairs if len(pairs) == columns else ()
    if name == "transformed":
        try:
            return tuple(map(str, model.get_feature_names_out()))
        except (AttributeError, TypeError, ValueError):  # many say that they cannot
            return ()
    return (name,) if columns == 1 else tuple(f"{name} {k + 1}" for k in range(columns))


def _first(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
