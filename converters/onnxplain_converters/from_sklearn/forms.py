"""Estimators in forms that skl2onnx writes, and that predict the same."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from .rows import parts


def bare(model: Any) -> Any:
    """What predicts in a copy of the model: the best of a search, what is frozen, and no steps that pass on what they get."""
    return _bare(copy.deepcopy(model))


def _bare(part: Any) -> Any:
    if hasattr(part, "best_estimator_"):
        return _bare(part.best_estimator_)
    if type(part).__name__ == "FrozenEstimator":
        return _bare(part.estimator)
    if hasattr(part, "steps"):
        steps = [(name, _bare(step)) for name, step in part.steps if step not in ("passthrough", None)]
        part.steps = steps or part.steps
    for calibrated in getattr(part, "calibrated_classifiers_", ()):
        calibrated.estimator = _bare(calibrated.estimator)
    return part


def writable(model: Any, scores: bool) -> Any:
    """A copy to be converted, which nobody asks for predictions."""
    out = copy.deepcopy(model)
    if hasattr(out, "steps"):
        out.steps[-1] = (out.steps[-1][0], _stand_in(out.steps[-1][1], scores))
    out = _stand_in(out, scores)
    for part in parts(out):
        if hasattr(part, "flatten_transform"):
            part.flatten_transform = False
        known = vars(part).get("classes_")
        if isinstance(known, np.ndarray) and known.dtype == bool:
            part.classes_ = known.astype(np.int64)
    return out


def _stand_in(part: Any, scores: bool) -> Any:
    """What is converted for the last step: two discriminants as logistic regression, which has the same formula and is written
    right; a support vector machine with a linear kernel as the plane that it is, because summed over support vectors in
    single precision it is a small difference of large numbers."""
    kind = type(part).__name__
    if kind == "LinearDiscriminantAnalysis" and len(part.classes_) == 2:
        return _logistic(part)
    if kind in ("SVC", "NuSVC") and getattr(part, "probability", None) is True and scores:
        part.probability = False
        part._probA = part._probB = np.zeros(0)
    if getattr(part, "kernel", None) != "linear" or getattr(part, "probability", None) is True:
        return part
    planes = ("SVR", "NuSVR", "SVC", "NuSVC") if len(getattr(part, "classes_", ())) in (0, 2) else ()
    return _plane(part) if kind in planes else part


def _plane(part: Any) -> Any:
    from sklearn.linear_model import LinearRegression

    out = LinearRegression()
    out.coef_, out.intercept_, out.n_features_in_ = part.coef_[0], part.intercept_[0], part.n_features_in_
    return out


def _logistic(part: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    out = LogisticRegression()
    out.coef_, out.intercept_, out.n_features_in_ = part.coef_, part.intercept_, part.n_features_in_
    out.classes_ = part.classes_
    return out
