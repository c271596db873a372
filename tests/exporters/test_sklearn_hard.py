"""Transformers and wrappers of scikit-learn that skl2onnx does not write, or not right; texts; what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble, feature_extraction, linear_model, model_selection, neural_network, preprocessing
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline

import onnxplain as ox
from onnxplain_converters import to_onnx

from ..promises import assert_close

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(90, 4)).astype(np.float32).astype(np.float64)
Y = (X[:, 0] * X[:, 1] > 0).astype(int)
T = RANDOM.choice(["good day", "bad night", "good Night", "Bad day"], 40)
SIGN = np.char.startswith(np.char.lower(T), "good").astype(int)
logistic = linear_model.LogisticRegression


def loaded(model: Any, x: Any = X) -> ox.Model:
    return ox.load(model, example=x, dtype="float64")


def assert_predicts(model: Any, x: Any = X) -> ox.Model:
    found = loaded(model, x)
    assert_close(found.predict(x)["probabilities"], model.predict_proba(x), 1e-5)
    return found


@pytest.mark.parametrize("function", [None, np.log1p, np.sqrt, np.square], ids=str)
def test_numpy_s_functions_are_written(function: Any) -> None:
    x = np.abs(X)
    model = make_pipeline(preprocessing.FunctionTransformer(function), logistic()).fit(x, Y)
    ox.explain(assert_predicts(model, x), x[:4], ox.DeepShap(data_ref=x[20:40])).check(1e-6)


@pytest.mark.parametrize("method", ["yeo-johnson", "box-cox"])
@pytest.mark.parametrize("standardize", [True, False])
def test_powers_have_contributions_on_both_sides_of_zero(method: str, standardize: bool) -> None:
    x = X if method == "yeo-johnson" else np.abs(X) + 0.1
    step = preprocessing.PowerTransformer(method=method, standardize=standardize)
    model = make_pipeline(step, logistic()).fit(x, Y)
    ox.explain(assert_predicts(model, x), x[:4], ox.DeepShap(data_ref=x[20:40])).check(1e-6)
    step.lambdas_ = np.array([0.0, 2.0, 0.5, 0.0])  # where its powers become logarithms
    assert_predicts(model, x)


@pytest.mark.parametrize("encode", ["ordinal", "onehot", "onehot-dense"])
@pytest.mark.parametrize("strategy", ["uniform", "quantile"])
def test_bins_are_those_of_the_edges(encode: str, strategy: str) -> None:
    step = preprocessing.KBinsDiscretizer([2, 3, 4, 5], encode=encode, strategy=strategy)
    assert_predicts(make_pipeline(step, logistic()).fit(X, Y))


WRAPPED: dict[str, Any] = {
    "grid search": model_selection.GridSearchCV(logistic(), {"C": [0.1, 1]}, cv=2),
    "random search": model_selection.RandomizedSearchCV(logistic(), {"C": [0.1, 1]}, n_iter=2, cv=2),
    "frozen": CalibratedClassifierCV(FrozenEstimator(logistic().fit(X, Y))),
    "passthrough": Pipeline(
        [("nothing", "passthrough"), ("scale", preprocessing.StandardScaler()), ("last", logistic())]
    ),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_what_is_put_around_an_estimator_is_taken_off(name: str) -> None:
    assert_predicts(WRAPPED[name].fit(X, Y))


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2)], ids=["words", "pairs"])
def test_texts_are_taken_as_they_are(ngrams: tuple[int, int]) -> None:
    reader = feature_extraction.text.TfidfVectorizer(ngram_range=ngrams)
    model = make_pipeline(reader, logistic()).fit(T, SIGN)
    for example in (T, list(T), pd.Series(T)):
        found = ox.load(model, example=example)
    assert_close(found.predict(T[:, None])["probabilities"], model.predict_proba(T), 1e-5)
    e = ox.explain(found, T[:3, None], "gradient")
    assert np.isfinite(e.values).all()


def test_a_column_of_text_stands_beside_numbers() -> None:
    table = pd.DataFrame({"text": T, "age": np.arange(40.0)})
    columns = ColumnTransformer(
        [("t", feature_extraction.text.CountVectorizer(), "text"), ("n", preprocessing.StandardScaler(), ["age"])]
    )
    model = make_pipeline(columns, logistic()).fit(table, SIGN)
    found = ox.load(model, example=table)
    assert list(found.inputs) == ["text", "age"]
    assert_close(found.predict(table)["probabilities"], model.predict_proba(table), 1e-5)


def refused() -> list[tuple[Any, Any, str]]:
    missing = pd.DataFrame({"city": ["Oslo", None] * 45, "age": X[:, 0]})
    hot = make_pipeline(
        ColumnTransformer([("c", preprocessing.OneHotEncoder(), ["city"]), ("n", "passthrough", ["age"])]), logistic()
    )
    codes = np.c_[X[:, :3], RANDOM.integers(0, 4, len(X))]
    return [
        (make_pipeline(preprocessing.FunctionTransformer(lambda x: x**2), logistic()).fit(X, Y), X, "is code; what can be written"),
        (make_pipeline(preprocessing.SplineTransformer(), logistic()).fit(X, Y), X, "no converter for SplineTransformer"),
        (neural_network.MLPClassifier((4,), max_iter=5).fit(X, np.stack([Y, 1 - Y], 1)), X, r"wrong: .* has shape \(90, 4\)"),
        (ensemble.HistGradientBoostingClassifier(max_iter=2, categorical_features=[3]).fit(codes, Y), codes, "splits of categories"),
        (hot.fit(missing, Y), missing, "no missing text"),
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_what_cannot_be_written_is_refused_in_one_paragraph() -> None:
    for model, example, message in refused():
        with pytest.raises(ox.ConverterError, match=message) as caught:
            ox.load(model, example=example)
        assert "\n" not in str(caught.value)


def test_the_model_that_is_given_is_left_as_it_was() -> None:
    model = WRAPPED["passthrough"].fit(X, Y)
    to_onnx(model, X)
    assert [name for name, _ in model.steps] == ["nothing", "scale", "last"]
