"""scikit-learn, XGBoost and LightGBM estimators, fitted to made-up tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .net import Architecture, Exported


def _table(classes: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(features, a class that depends on them, a number that does)."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 6)).astype(np.float32)
    y = x @ rng.standard_normal(6) + np.abs(x[:, 0]) * x[:, 1]
    return x, np.digitize(y, np.quantile(y, np.linspace(0, 1, classes + 1)[1:-1])), y.astype(np.float32)


def _new() -> np.ndarray:
    return np.random.default_rng(1).standard_normal((2, 6)).astype(np.float32)


def _sklearn(make: Callable[[], Any], classifies: bool) -> Exported:
    from skl2onnx import to_onnx

    x, c, y = _table()
    fitted = make().fit(x, c if classifies else y)
    opsets = {"": 18, "ai.onnx.ml": 3}
    try:  # probabilities as one array
        proto = to_onnx(fitted, x[:1], options={id(fitted): {"zipmap": False}}, target_opset=opsets)
    except NameError:  # a regressor, or a classifier without probabilities
        proto = to_onnx(fitted, x[:1], target_opset=opsets)
    return Exported(proto, {"X": _new()}, "skl2onnx")


def _boosted(package: str, make: Callable[[], Any], classifies: bool) -> Exported:
    import onnxmltools
    from onnxmltools.convert.common.data_types import FloatTensorType

    x, c, y = _table()
    fitted = make().fit(x, c if classifies else y)
    convert = getattr(onnxmltools, f"convert_{package}")
    zipmap = {"zipmap": False} if package == "lightgbm" else {}
    proto = convert(fitted, initial_types=[("X", FloatTensorType([None, x.shape[1]]))], **zipmap)
    return Exported(proto, {"X": _new()}, "onnxmltools")


def _estimators() -> dict[str, tuple[Callable[[], Any], bool]]:
    """name → (estimator, whether it classifies); imported when made."""

    def of(module: str, name: str, **arguments: Any) -> Callable[[], Any]:
        def make() -> Any:
            import importlib

            return getattr(importlib.import_module(f"sklearn.{module}"), name)(**arguments)

        return make

    def pipe(*steps: Callable[[], Any]) -> Callable[[], Any]:
        def make() -> Any:
            from sklearn.pipeline import make_pipeline

            return make_pipeline(*(s() for s in steps))

        return make

    def columns() -> Any:
        from sklearn.compose import ColumnTransformer
        from sklearn.preprocessing import PolynomialFeatures, StandardScaler

        return ColumnTransformer([("scaled", StandardScaler(), [0, 1, 2]), ("squared", PolynomialFeatures(2), [3, 4])])

    def voting() -> Any:
        from sklearn.ensemble import VotingClassifier

        return VotingClassifier([("logistic", logistic()), ("net", net())], voting="soft", flatten_transform=False)

    logistic = of("linear_model", "LogisticRegression")
    net = of("neural_network", "MLPClassifier", hidden_layer_sizes=(8,), max_iter=200, random_state=0)
    scaler = of("preprocessing", "StandardScaler")
    return {
        "linear regression": (of("linear_model", "LinearRegression"), False),
        "logistic regression": (logistic, True),
        "scaler and logistic regression": (pipe(scaler, logistic), True),
        "columns and logistic regression": (pipe(columns, logistic), True),
        "PCA and linear regression": (
            pipe(of("decomposition", "PCA", n_components=3), of("linear_model", "LinearRegression")),
            False,
        ),
        "MLP classifier": (pipe(scaler, net), True),
        "MLP regressor": (
            of(
                "neural_network",
                "MLPRegressor",
                hidden_layer_sizes=(8, 8),
                activation="tanh",
                max_iter=200,
                random_state=0,
            ),
            False,
        ),
        "SVM, RBF": (of("svm", "SVR"), False),
        "SVM classifier": (of("svm", "SVC"), True),
        "Gaussian process": (of("gaussian_process", "GaussianProcessRegressor"), False),
        "naive Bayes": (of("naive_bayes", "GaussianNB"), True),
        "nearest neighbours": (of("neighbors", "KNeighborsRegressor"), False),
        "voting": (voting, True),
        "decision tree": (of("tree", "DecisionTreeClassifier", max_depth=4), True),
        "random forest": (of("ensemble", "RandomForestClassifier", n_estimators=10, max_depth=4, random_state=0), True),
        "gradient boosting": (of("ensemble", "GradientBoostingRegressor", n_estimators=10, random_state=0), False),
        "extra trees": (of("ensemble", "ExtraTreesRegressor", n_estimators=10, max_depth=4, random_state=0), False),
        "AdaBoost": (of("ensemble", "AdaBoostClassifier", n_estimators=5, random_state=0), True),
        "isolation forest": (of("ensemble", "IsolationForest", n_estimators=10, random_state=0), False),
        "Gaussian mixture": (of("mixture", "GaussianMixture", n_components=2, random_state=0), False),
    }


def _xgboost(name: str, **arguments: Any) -> Callable[[], Any]:
    def make() -> Any:
        import xgboost

        return getattr(xgboost, name)(n_estimators=10, max_depth=3, random_state=0, **arguments)

    return make


def _lightgbm(name: str) -> Callable[[], Any]:
    def make() -> Any:
        import lightgbm

        return getattr(lightgbm, name)(n_estimators=10, max_depth=3, random_state=0, verbose=-1)

    return make


ARCHITECTURES = [
    *(
        Architecture(f"sklearn/{n}", "scikit-learn", partial(_sklearn, make, c))
        for n, (make, c) in _estimators().items()
    ),
    Architecture("xgboost/classifier", "XGBoost", partial(_boosted, "xgboost", _xgboost("XGBClassifier"), True)),
    Architecture("xgboost/regressor", "XGBoost", partial(_boosted, "xgboost", _xgboost("XGBRegressor"), False)),
    Architecture("lightgbm/classifier", "LightGBM", partial(_boosted, "lightgbm", _lightgbm("LGBMClassifier"), True)),
    Architecture("lightgbm/regressor", "LightGBM", partial(_boosted, "lightgbm", _lightgbm("LGBMRegressor"), False)),
]
