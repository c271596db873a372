"""Small fitted estimators of scikit-learn, by name, with the rows that they were fitted on."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    calibration,
    compose,
    datasets,
    decomposition,
    discriminant_analysis,
    ensemble,
    feature_selection,
    impute,
    linear_model,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)

SEED: dict[str, Any] = {"random_state": 0}
CLASSES = np.array(["setosa", "versicolor", "virginica"])


@cache
def flowers() -> tuple[pd.DataFrame, np.ndarray]:
    frame = datasets.load_iris(as_frame=True)
    return frame.data[::2], CLASSES[frame.target[::2]]


@cache
def patients() -> tuple[pd.DataFrame, np.ndarray]:
    frame = datasets.load_diabetes(as_frame=True)
    return frame.data[::4] * 10, frame.target[::4].to_numpy() / 100


def net(kind: Any, **more: Any) -> Any:
    return kind(hidden_layer_sizes=(6,), max_iter=60, tol=0, **SEED, **more)


def voting() -> list[tuple[str, Any]]:
    return [("a", linear_model.LogisticRegression()), ("b", naive_bayes.GaussianNB())]


CLASSIFIERS: dict[str, Callable[[], Any]] = {
    "logistic": linear_model.LogisticRegression,
    "ridge": linear_model.RidgeClassifier,
    "sgd": lambda: linear_model.SGDClassifier(**SEED),
    "svc": svm.SVC,
    "linear svc": svm.LinearSVC,
    "mlp": lambda: net(neural_network.MLPClassifier),
    "bayes": naive_bayes.GaussianNB,
    "discriminant": discriminant_analysis.LinearDiscriminantAnalysis,
    "calibrated": lambda: calibration.CalibratedClassifierCV(svm.LinearSVC(), cv=2),
    "tree": lambda: tree.DecisionTreeClassifier(max_depth=3, **SEED),
    "forest": lambda: ensemble.RandomForestClassifier(4, max_depth=3, **SEED),
    "extra": lambda: ensemble.ExtraTreesClassifier(4, max_depth=3, **SEED),
    "boosting": lambda: ensemble.GradientBoostingClassifier(n_estimators=4, **SEED),
    "hist": lambda: ensemble.HistGradientBoostingClassifier(max_iter=4),
    "ada": lambda: ensemble.AdaBoostClassifier(n_estimators=3, **SEED),
    "voting": lambda: ensemble.VotingClassifier(voting(), voting="soft"),
    "stacking": lambda: ensemble.StackingClassifier(voting(), cv=2),
    "pipeline": lambda: pipeline.make_pipeline(
        preprocessing.StandardScaler(), decomposition.PCA(3), linear_model.LogisticRegression()
    ),
    "polynomials": lambda: pipeline.make_pipeline(
        preprocessing.MinMaxScaler(),
        preprocessing.PolynomialFeatures(2),
        feature_selection.SelectKBest(k=5),
        linear_model.LogisticRegression(),
    ),
    "union": lambda: pipeline.make_pipeline(
        pipeline.FeatureUnion([("p", decomposition.PCA(2)), ("s", preprocessing.RobustScaler())]),
        net(neural_network.MLPClassifier, activation="tanh"),
    ),
    "scaled hist": lambda: pipeline.make_pipeline(
        preprocessing.StandardScaler(), ensemble.HistGradientBoostingClassifier(max_iter=3)
    ),
}
REGRESSORS: dict[str, Callable[[], Any]] = {
    "linear": linear_model.LinearRegression,
    "lasso": lambda: linear_model.Lasso(0.01),
    "poisson": linear_model.PoissonRegressor,
    "svr": svm.SVR,
    "neighbours": neighbors.KNeighborsRegressor,
    "linear svr": lambda: svm.SVR(kernel="linear"),
    "mlp": lambda: net(neural_network.MLPRegressor, activation="logistic"),
    "tree": lambda: tree.DecisionTreeRegressor(max_depth=4, **SEED),
    "forest": lambda: ensemble.RandomForestRegressor(4, max_depth=4, **SEED),
    "boosting": lambda: ensemble.GradientBoostingRegressor(n_estimators=5, **SEED),
    "hist": lambda: ensemble.HistGradientBoostingRegressor(max_iter=5),
    "log target": lambda: compose.TransformedTargetRegressor(
        linear_model.Ridge(), func=np.log1p, inverse_func=np.expm1
    ),
    "scaled target": lambda: pipeline.make_pipeline(
        preprocessing.StandardScaler(),
        compose.TransformedTargetRegressor(linear_model.Ridge(), transformer=preprocessing.StandardScaler()),
    ),
    "voting": lambda: ensemble.VotingRegressor(
        [("a", linear_model.LinearRegression()), ("b", tree.DecisionTreeRegressor(max_depth=2, **SEED))]
    ),
}


@cache
def classifier(name: str, two: bool = False) -> Any:
    x, y = flowers()
    return CLASSIFIERS[name]().fit(x, y == "versicolor" if two else y)


@cache
def regressor(name: str) -> Any:
    return REGRESSORS[name]().fit(*patients())


@cache
def shop() -> tuple[pd.DataFrame, np.ndarray]:
    """Numbers, some missing, whole numbers and text, and who buys."""
    rng, n = np.random.default_rng(3), 120
    frame = pd.DataFrame(
        {
            "age": rng.normal(40, 12, n),
            "visits": rng.integers(0, 9, n),
            "city": rng.choice(["Oslo", "Paris", "Zürich"], n),
            "member": rng.choice(["no", "yes"], n),
        }
    )
    buys = frame.age / 20 + frame.visits / 3 + 2 * (frame.city == "Oslo") + (frame.member == "yes") > 4.2
    frame.loc[::17, "age"] = np.nan
    return frame, np.where(buys, "buys", "stays")


def columns(last: Any) -> Any:
    """A pipeline on the columns of `shop`."""
    numbers = pipeline.make_pipeline(impute.SimpleImputer(), preprocessing.StandardScaler())
    split = compose.ColumnTransformer(
        [
            ("numbers", numbers, ["age", "visits"]),
            ("text", preprocessing.OneHotEncoder(handle_unknown="ignore"), ["city"]),
            ("order", preprocessing.OrdinalEncoder(), ["member"]),
        ]
    )
    return pipeline.make_pipeline(split, last).fit(*shop())
