"""Small boosted trees of XGBoost, LightGBM and CatBoost, by name: (model, rows, what it says of rows)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import catboost
import lightgbm
import numpy as np
import xgboost

from .sklearn_zoo import flowers, patients

SIZE: dict[str, Any] = {"n_estimators": 6, "max_depth": 3}
QUIET: dict[str, Any] = {"verbose": -1, "min_child_samples": 5}
CAT: dict[str, Any] = {"iterations": 6, "depth": 3, "verbose": 0, "allow_writing_files": False}
Case = tuple[Any, np.ndarray, Callable[[np.ndarray], np.ndarray]]


def rows(missing: bool = False) -> np.ndarray:
    x = flowers()[0].to_numpy().astype(np.float32)
    if missing:
        x[::4, 1] = x[1::5, 2] = np.nan
    return x


def kinds() -> np.ndarray:
    return np.unique(flowers()[1], return_inverse=True)[1]


def classified(model: Any, classes: int = 3, missing: bool = False) -> Case:
    x, y = rows(missing), kinds()
    fitted = model.fit(x, y if classes == 3 else (y == 1).astype(int))
    return fitted, x, fitted.predict_proba


def estimated(model: Any, targets: int = 1) -> Case:
    x, y = patients()[0].to_numpy().astype(np.float32), patients()[1]
    fitted = model.fit(x, y if targets == 1 else np.stack([y, y**2], 1))
    return fitted, x, fitted.predict


def booster() -> Case:
    """A booster that says classes only."""
    x, y = rows(), kinds()
    fitted = xgboost.train({"objective": "multi:softmax", "num_class": 3, "max_depth": 2}, xgboost.DMatrix(x, y), 3)

    def softmax(data: np.ndarray) -> np.ndarray:
        e = np.exp(fitted.predict(xgboost.DMatrix(data), output_margin=True))
        return e / e.sum(1, keepdims=True)

    return fitted, x, softmax


def stopped() -> Case:
    x, y = patients()[0].to_numpy().astype(np.float32), patients()[1]
    model = xgboost.XGBRegressor(n_estimators=60, early_stopping_rounds=2)
    return model.fit(x[:80], y[:80], eval_set=[(x[80:], y[80:])], verbose=0), x, model.predict


CASES: dict[str, Callable[[], Case]] = {
    "xgboost 3": lambda: classified(xgboost.XGBClassifier(**SIZE)),
    "xgboost 2": lambda: classified(xgboost.XGBClassifier(**SIZE), classes=2),
    "xgboost missing": lambda: classified(xgboost.XGBClassifier(**SIZE), missing=True),
    "xgboost forest": lambda: classified(xgboost.XGBRFClassifier(**SIZE)),
    "xgboost softmax": booster,
    "xgboost stopped": stopped,
    "xgboost regression": lambda: estimated(xgboost.XGBRegressor(**SIZE)),
    "xgboost poisson": lambda: estimated(xgboost.XGBRegressor(objective="count:poisson", **SIZE)),
    "xgboost gamma": lambda: estimated(xgboost.XGBRegressor(objective="reg:gamma", **SIZE)),
    "xgboost two targets": lambda: estimated(xgboost.XGBRegressor(**SIZE), targets=2),
    "xgboost dart": lambda: estimated(xgboost.XGBRegressor(booster="dart", rate_drop=0.5, **SIZE)),
    "lightgbm 3": lambda: classified(lightgbm.LGBMClassifier(**SIZE, **QUIET)),
    "lightgbm 2": lambda: classified(lightgbm.LGBMClassifier(**SIZE, **QUIET), classes=2),
    "lightgbm missing": lambda: classified(lightgbm.LGBMClassifier(**SIZE, **QUIET), missing=True),
    "lightgbm one against all": lambda: classified(lightgbm.LGBMClassifier(objective="multiclassova", **SIZE, **QUIET)),
    "lightgbm regression": lambda: estimated(lightgbm.LGBMRegressor(**SIZE, **QUIET)),
    "lightgbm poisson": lambda: estimated(lightgbm.LGBMRegressor(objective="poisson", **SIZE, **QUIET)),
    "lightgbm forest": lambda: estimated(
        lightgbm.LGBMRegressor(boosting_type="rf", bagging_freq=1, bagging_fraction=0.5, **SIZE, **QUIET)
    ),
    "catboost 3": lambda: classified(catboost.CatBoostClassifier(**CAT)),
    "catboost 2": lambda: classified(catboost.CatBoostClassifier(**CAT), classes=2),
    "catboost missing": lambda: classified(catboost.CatBoostClassifier(**CAT), missing=True),
    "catboost regression": lambda: estimated(catboost.CatBoostRegressor(**CAT)),
}
