"""scikit-learn models: predictions are their own, names survive, attributions land on the columns that went in."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn import ensemble, gaussian_process, linear_model, pipeline, preprocessing, svm, tree
from sklearn.feature_extraction import text

import onnxplain as ox
from onnxplain.errors import ConverterError, MissingDependencyError
from onnxplain_converters import ConversionError, framework_of, to_onnx
from onnxplain_converters.common import parity

from . import sklearn_zoo as zoo

#: votes: jumps that no rule explains
UNEXPLAINED = ("neighbours", "ada", "svc")
#: of the probability, not of the score behind it
PROBABILITY = ox.Gradient(ignore_last_activation=False)


def single(x: Any) -> Any:
    """The numbers that the ONNX model reads."""
    return x.astype(np.float32).astype(np.float64)


def own(model: Any, x: Any) -> np.ndarray:
    call = model.predict_proba if hasattr(model, "predict_proba") else model.decision_function
    found = call(x)
    return found.reshape(len(x), -1)


def assert_close(found: np.ndarray, expected: np.ndarray, bound: float = 2e-5) -> None:
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * np.abs(expected).max())


@pytest.mark.parametrize("two", [False, True], ids=["three", "two"])
@pytest.mark.parametrize("name", zoo.CLASSIFIERS)
def test_a_classifier_predicts_as_its_own_and_keeps_its_names(name: str, two: bool) -> None:
    model, x = zoo.classifier(name, two), single(zoo.flowers()[0][::5])
    loaded = ox.load(model, example=x)
    (output,) = loaded.outputs
    assert output == ("probabilities" if hasattr(model, "predict_proba") else "scores")
    assert_close(loaded.predict(x)[output], own(model, x))
    assert loaded.inputs["x"].labels["feature"] == tuple(x.columns)
    classes = tuple(map(str, model.classes_))
    found = own(model, x).shape[1]
    assert loaded.labels[output] == (classes if found == len(classes) else classes[-1:])


@pytest.mark.parametrize("name", zoo.REGRESSORS)
def test_a_regressor_predicts_as_its_own(name: str) -> None:
    model, x = zoo.regressor(name), single(zoo.patients()[0][::5])
    loaded = ox.load(model, example=x)
    assert_close(loaded.predict(x)["prediction"], model.predict(x)[:, None])
    assert loaded.labels["prediction"] == ("prediction",)


@pytest.mark.parametrize("name", [n for n in zoo.CLASSIFIERS if n not in UNEXPLAINED])
def test_deepshap_of_a_classifier_sums_to_the_difference(name: str) -> None:
    x = zoo.flowers()[0].iloc[10:70:6]
    model = ox.load(zoo.classifier(name), example=x, dtype="float64")
    e = ox.explain(model, x.iloc[:3], ox.DeepShap(data_ref=x.iloc[3:]), target="versicolor")
    e.check(1e-6)
    assert e.to_frame()["feature"].unique().tolist() == list(x.columns)


@pytest.mark.parametrize("name", [n for n in zoo.REGRESSORS if n not in UNEXPLAINED])
def test_deepshap_of_a_regressor_sums_to_the_difference(name: str) -> None:
    x = zoo.patients()[0].iloc[:10]
    model = ox.load(zoo.regressor(name), example=x, dtype="float64")
    ox.explain(model, x.iloc[:3], ox.DeepShap(data_ref=x.iloc[3:])).check(1e-6)


def test_the_gradient_of_logistic_regression_is_its_closed_form() -> None:
    fitted, x = zoo.classifier("logistic", two=True), single(zoo.flowers()[0].iloc[::9])
    p = fitted.predict_proba(x)[:, 1:]
    e = ox.explain(ox.load(fitted, example=x, dtype="float64"), x, PROBABILITY, target="True")
    assert_close(e["x"].values.reshape(x.shape), p * (1 - p) * fitted.coef_, 1e-5)


@pytest.mark.parametrize("name", ["mlp", "union", "polynomials", "calibrated", "svc"])
def test_a_gradient_is_the_models_own_by_finite_differences(name: str) -> None:
    fitted, x = zoo.classifier(name), single(zoo.flowers()[0].iloc[3:70:11]).to_numpy()
    target = str(fitted.classes_[1])
    e = ox.explain(ox.load(fitted, example=x, dtype="float64"), x, PROBABILITY, target=target)
    steps = np.eye(x.shape[1]) * 1e-5
    columns = zoo.flowers()[0].columns
    up, down = (
        np.stack([own(fitted, pd.DataFrame(x + s * h, columns=columns))[:, 1] for h in steps], 1) for s in (1, -1)
    )
    assert_close(e["x"].values.reshape(x.shape), (up - down) / 2e-5, 1e-4)


def test_scores_are_what_decision_function_says() -> None:
    for name in ("logistic", "svc", "boosting", "pipeline"):
        for two in (False, True):
            model, x = zoo.classifier(name, two), single(zoo.flowers()[0][::5])
            loaded = ox.load(model, example=x, options={"scores": True})
            expected = model.decision_function(x).reshape(len(x), -1)
            assert_close(loaded.predict(x)["scores"], expected)


@pytest.mark.parametrize(
    "last",
    [
        linear_model.LogisticRegression(),
        ensemble.GradientBoostingClassifier(n_estimators=5, random_state=0),
        ensemble.HistGradientBoostingClassifier(max_iter=4),
    ],
    ids=lambda m: type(m).__name__,
)
def test_a_table_goes_in_as_it_is_and_each_column_has_its_share(last: Any) -> None:
    fitted, (frame, _) = zoo.columns(last), zoo.shop()
    model = ox.load(fitted, example=frame, dtype="float64")
    assert list(model.inputs) == list(frame.columns)
    known = frame[frame.age.notna()].iloc[:12]
    assert_close(model.predict(known)["probabilities"], fitted.predict_proba(known))
    e = ox.explain(
        model, known.iloc[:4], ox.DeepShap(data_ref=known.iloc[4:], ignore_last_activation=False), target="buys"
    )
    e.check(1e-6)
    total = sum(e[c].values.reshape(4) for c in frame.columns)
    p = model.predict(known)["probabilities"][:, 0]
    np.testing.assert_allclose(total, p[:4] - p[4:].mean(), atol=1e-6)
    assert np.abs(e["city"].values).max() > 0


def test_a_missing_number_is_filled_in_as_the_pipeline_does() -> None:
    fitted, (frame, _) = zoo.columns(linear_model.LogisticRegression()), zoo.shop()
    loaded = ox.load(fitted, example=frame)
    assert_close(loaded.predict(frame)["probabilities"], fitted.predict_proba(frame))


def test_without_an_example_rows_are_drawn_from_what_the_encoders_know() -> None:
    proto = to_onnx(zoo.columns(linear_model.LogisticRegression()))
    assert [i.name for i in proto.graph.input] == ["age", "visits", "city", "member"]
    assert [i.type.tensor_type.elem_type for i in proto.graph.input] == [1, 1, 8, 8]


DOCUMENTS = ["the cat sat on the mat", "a dog ate my homework", "Cats and dogs are animals", "the mat was red",
             "my dog sat on my cat", "nothing to see here"]  # fmt: skip


@pytest.mark.parametrize(
    "vectorizer",
    [
        text.CountVectorizer(ngram_range=(1, 2)),
        text.CountVectorizer(binary=True),
        text.TfidfVectorizer(stop_words="english"),
        text.TfidfVectorizer(analyzer="char", ngram_range=(1, 2)),
    ],
    ids=["counts", "binary", "tf-idf without stop words", "characters"],
)
def test_texts_go_in_as_they_are_and_each_gets_its_difference(vectorizer: Any) -> None:
    model = pipeline.make_pipeline(vectorizer, linear_model.LogisticRegression()).fit(DOCUMENTS, [0, 1, 1, 0, 1, 0])
    loaded = ox.load(model, example=DOCUMENTS)
    texts = np.array(DOCUMENTS, dtype=object)[:, None]
    np.testing.assert_allclose(loaded.predict(texts)["probabilities"], model.predict_proba(DOCUMENTS), rtol=1e-5)
    other = "the dog was animals"
    e = ox.explain(loaded, texts, ox.DeepLift(baseline=np.array([[other]], dtype=object)), target=1)
    e.check(rtol=1e-4)
    scores = model.decision_function([*DOCUMENTS, other])
    np.testing.assert_allclose(e.values.reshape(-1), scores[:-1] - scores[-1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("suffix", [".pkl", ".joblib"])
def test_a_file_is_read_only_where_it_is_trusted(tmp_path: Path, suffix: str) -> None:
    path, x = tmp_path / f"model{suffix}", single(zoo.flowers()[0][::5])
    joblib.dump(zoo.classifier("pipeline"), path)
    assert framework_of(path) == "sklearn"
    with pytest.raises(ConverterError, match=r"runs code from the file.*options=\{\"trust\": True\}"):
        ox.load(path)
    loaded = ox.load(path, options={"trust": True})
    assert_close(loaded.predict(x)["probabilities"], zoo.classifier("pipeline").predict_proba(x))
    joblib.dump({"weights": 1}, path)
    with pytest.raises(ConverterError, match="dict, which is no scikit-learn estimator"):
        ox.load(path, options={"trust": True})


def test_a_pickled_booster_is_converted_too(tmp_path: Path) -> None:
    import lightgbm

    x, y = zoo.patients()
    joblib.dump(lightgbm.LGBMRegressor(n_estimators=2, verbose=-1).fit(x, y), tmp_path / "m.pkl")
    assert to_onnx(tmp_path / "m.pkl", trust=True).graph.output[0].name == "prediction"


def test_a_difference_from_the_models_own_predictions_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parity, "RTOL", 1e-5)
    real = parity.run
    monkeypatch.setattr(parity, "run", lambda proto, feeds: [y * 1.001 for y in real(proto, feeds)])
    with pytest.raises(ConversionError, match=r"output 'prediction' differs from the original's by .*e-04|1.0e-03"):
        to_onnx(zoo.regressor("linear"), zoo.patients()[0])


def test_what_cannot_be_converted_says_why_and_what_to_try() -> None:
    x, y = zoo.flowers()
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (linear_model.LogisticRegression(), {}, "LogisticRegression is not fitted: call fit first"),
        (ensemble.VotingClassifier(zoo.voting()).fit(x, y), {}, "gives labels only.*predict_proba"),
        (preprocessing.FunctionTransformer(np.sin).fit(x), {}, "is code; what can be written is np.exp|must be shown"),
        (zoo.classifier("mlp"), {"scores": True}, "has no decision_function"),
        (zoo.classifier("mlp"), {"dtype": "half"}, "'auto', 'float32' or 'float64'"),
        (zoo.classifier("mlp"), {"colour": 1}, r"no options \['colour'\]; there are scores, dtype, trust"),
        (zoo.classifier("mlp"), {"example": x.iloc[:, :2]}, "has no columns"),
        (zoo.classifier("mlp"), {"example": x.to_numpy()[:, :2]}, r"shape \(75, 2\); the model takes rows of 4"),
        (gaussian_process.GaussianProcessClassifier().fit(x, y == "setosa"), {}, "cannot run|can run|cannot write"),
        (tree.DecisionTreeClassifier().fit(x, np.stack([y, y], 1)), {}, "convert the classifier of one target"),
    ]
    for model, more, message in cases:
        with pytest.raises(ConversionError, match=message):
            to_onnx(model, **more)


def test_text_that_is_missing_is_named() -> None:
    frame, _ = zoo.shop()
    frame = frame.assign(city=[None, *frame.city[1:]])
    with pytest.raises(ConversionError, match="column 'city' of the example holds .*neither a number nor text"):
        to_onnx(zoo.columns(linear_model.LogisticRegression()), frame)


def test_without_skl2onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(MissingDependencyError, match=r"onnxplain\[sklearn\]"):
        ox.load(zoo.classifier("logistic"))


def test_an_svm_with_a_linear_kernel_is_explained_as_its_plane() -> None:
    x, y = zoo.flowers()
    fitted = svm.SVC(kernel="linear").fit(x, y == "versicolor")
    e = ox.explain(ox.load(fitted, example=x, dtype="float64"), x.iloc[:3], "gradient")
    assert_close(e["x"].values.reshape(3, 4), np.repeat(fitted.coef_, 3, 0), 1e-6)
