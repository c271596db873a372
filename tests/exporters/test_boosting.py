"""XGBoost, LightGBM and CatBoost: predictions are their own, as objects and as files, and contributions are exact."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any

import catboost
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import onnxplain as ox
from onnxplain.errors import ConverterError, MissingDependencyError
from onnxplain_converters import ConversionError, framework_of, to_onnx
from onnxplain_converters.common import forest

from . import boosted_zoo as zoo
from .sklearn_zoo import flowers

case = cache(lambda name: zoo.CASES[name]())


def assert_close(found: np.ndarray, expected: np.ndarray, bound: float = 1e-5) -> None:
    expected = np.asarray(expected).reshape(len(expected), -1)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=0, atol=bound * np.abs(expected).max())


@pytest.mark.parametrize("name", zoo.CASES)
def test_a_booster_predicts_as_its_own(name: str) -> None:
    model, x, predict = case(name)
    loaded = ox.load(model, example=x)
    ((output, labels),) = loaded.labels.items()
    expected = predict(x)
    assert_close(loaded.predict(x)[output], expected)
    wide = np.ndim(expected) == 2 and "targets" not in name
    assert (output, len(labels)) == (
        ("probabilities", expected.shape[1]) if wide else ("prediction", 2 if "targets" in name else 1)
    )


@pytest.mark.parametrize("name", [n for n in zoo.CASES if "missing" not in n])
def test_deepshap_sums_to_the_difference(name: str) -> None:
    model, x, _ = case(name)
    loaded = ox.load(model, example=x, dtype="float64")
    ox.explain(loaded, x[20:24], ox.DeepShap(data_ref=x[::7]), target="all").check(1e-6)


@pytest.mark.parametrize("name", ["xgboost regression", "lightgbm regression", "catboost regression"])
def test_treeshap_is_the_packages_own(name: str) -> None:
    model, x, _ = case(name)
    some = x[:5]
    if name.startswith("xgboost"):
        own = model.get_booster().predict(xgboost.DMatrix(some), pred_contribs=True)
    elif name.startswith("lightgbm"):
        own = model.predict(some, pred_contrib=True)
    else:
        own = model.get_feature_importance(catboost.Pool(some), type="ShapValues")
    counts = None if not name.startswith("catboost") else x
    e = ox.explain(ox.load(model, example=x, dtype="float64"), some, ox.TreeShap(data_ref=counts))
    assert_close(e["x"].values.reshape(some.shape), own[:, :-1], 1e-4)


def test_scores_are_the_sums_of_the_trees() -> None:
    for name, raw in (
        ("xgboost 3", lambda m, x: m.predict(x, output_margin=True)),
        ("xgboost 2", lambda m, x: m.predict(x, output_margin=True)),
        ("lightgbm 3", lambda m, x: m.predict(x, raw_score=True)),
        ("catboost regression", lambda m, x: m.predict(x)),
    ):
        model, x, _ = case(name)
        loaded = ox.load(model, example=x, options={"scores": True})
        assert_close(loaded.predict(x)["scores"], raw(model, x))


def test_names_of_features_and_classes_survive() -> None:
    frame, kinds = flowers()
    x = frame.rename(columns=lambda c: c.split(" (")[0].replace(" ", "_"))
    lgb = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, kinds)
    xgb = xgboost.XGBClassifier(n_estimators=2).fit(x, zoo.kinds())
    cat = catboost.CatBoostClassifier(**zoo.CAT).fit(x, kinds)
    for model, classes in ((lgb, np.unique(kinds)), (xgb, "012"), (cat, np.unique(kinds))):
        loaded = ox.load(model, example=x)
        assert loaded.inputs["x"].labels["feature"] == tuple(x.columns)
        assert loaded.labels["probabilities"] == tuple(classes)
    e = ox.explain(lgb, x.iloc[:3], ox.DeepShap(data_ref=x), target="virginica")
    assert e.to_frame()["feature"].unique().tolist() == list(x.columns)


@pytest.mark.parametrize("suffix", [".ubj", ".json", ".txt", ".cbm"])
def test_a_file_is_read_as_it_is(tmp_path: Path, suffix: str) -> None:
    name = {".txt": "lightgbm 3", ".cbm": "catboost 3"}.get(suffix, "xgboost 3")
    model, x, predict = case(name)
    path = tmp_path / f"model{suffix}"
    (model.booster_ if suffix == ".txt" else model).save_model(path)
    assert framework_of(path) == {".txt": "lightgbm", ".cbm": "catboost"}.get(suffix, "xgboost")
    assert_close(ox.load(path, example=x).predict(x)["probabilities"], predict(x))
    assert_close(ox.load(path).predict(x)["probabilities"], predict(x))


@pytest.mark.parametrize("suffix", [".ubj", ".json", ".txt", ".cbm"])
def test_a_file_of_something_else_says_so(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"model{suffix}"
    path.write_text("{}", encoding="utf-8")
    with pytest.raises(ConverterError, match="cannot be read|is no model that XGBoost"):
        ox.load(path)


@pytest.mark.parametrize("name", ["xgboost 3", "lightgbm 2", "catboost 3"])
def test_a_pipeline_may_end_in_a_booster(name: str) -> None:
    model, x, _ = case(name)
    y = zoo.kinds() if "3" in name else (zoo.kinds() == 1).astype(int)
    frame = pd.DataFrame(x, columns=flowers()[0].columns)
    fitted = make_pipeline(StandardScaler(), type(model)(**model.get_params())).fit(frame, y)
    loaded = ox.load(fitted, example=frame, dtype="float64")
    assert_close(loaded.predict(frame)["probabilities"], fitted.predict_proba(frame))
    e = ox.explain(loaded, frame.iloc[:3], ox.DeepShap(data_ref=frame.iloc[::9]))
    e.check(1e-6)
    assert loaded.inputs["x"].labels["feature"] == tuple(frame.columns)


def test_thresholds_keep_every_single_precision_number_on_its_side() -> None:
    t = np.random.default_rng(0).standard_normal(4000)
    x = t.astype(np.float32)
    for near in (x, np.nextafter(x, np.float32(np.inf)), np.nextafter(x, np.float32(-np.inf))):
        np.testing.assert_array_equal(near <= forest.below(t), near.astype(np.float64) <= t)


def test_what_cannot_be_converted_says_why_and_what_to_try() -> None:
    x, y = zoo.rows(), zoo.kinds()
    colours = pd.DataFrame({"a": x[:, 0], "b": pd.Categorical(np.resize(list("pqr"), len(x)))})
    strong = (np.resize([0, 1, 2], len(x)) == 1).astype(int)
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (xgboost.XGBRegressor(booster="gblinear", n_estimators=2).fit(x, y), {}, "no trees but a linear model"),
        (xgboost.XGBRegressor(n_estimators=2, multi_strategy="multi_output_tree").fit(x, np.stack([y, y], 1)), {}, "vector"),
        (xgboost.XGBClassifier(n_estimators=2, enable_categorical=True).fit(colours, strong), {}, "splits of categories"),
        (lightgbm.LGBMClassifier(n_estimators=9, min_child_samples=2, min_data_per_group=1, cat_smooth=0, verbose=-1).fit(colours, strong), {}, "splits of categories"),
        (lightgbm.LGBMRegressor(n_estimators=2, linear_tree=True, verbose=-1).fit(x, y), {}, "linear_tree"),
        (lightgbm.LGBMRegressor(n_estimators=2, zero_as_missing=True, verbose=-1).fit(x, y), {}, "zero_as_missing"),
        (catboost.CatBoostClassifier(**zoo.CAT, cat_features=["b"]).fit(colours.astype({"b": str}), strong), {}, "categorical"),
        (catboost.CatBoostClassifier(**zoo.CAT).fit(x, y == 1), {}, "classes that are integers or text"),
        (case("catboost 3")[0], {"scores": True}, "probabilities of a classifier"),
        (catboost.CatBoostRegressor(**zoo.CAT, loss_function="MultiRMSE").fit(x, np.stack([y, -y], 1)), {}, "train a model for each"),
        (catboost.CatBoostRegressor(**zoo.CAT, grow_policy="Lossguide").fit(x, y), {}, "grow_policy='SymmetricTree'"),
        (xgboost.train({"objective": "binary:hinge"}, xgboost.DMatrix(x, strong), 2), {}, "none that is known here: binary:logistic"),
        (xgboost.XGBRegressor(), {}, "is it fitted"),
        (case("xgboost 3")[0], {"example": x[:, :2]}, r"shape \(75, 2\); the model takes rows of 4"),
        (case("xgboost 3")[0], {"example": [["a"] * 4]}, "holds what is no number"),
    ]  # fmt: skip
    for model, more, message in cases:
        with pytest.raises(ConversionError, match=message):
            to_onnx(model, **more)


def test_what_is_predicted_is_what_the_package_s_predict_says() -> None:
    x, y = zoo.rows(), np.abs(zoo.rows()[:, 0]) + 1
    labels = np.stack([zoo.kinds() == 1, zoo.kinds() == 2], 1).astype(int)
    poisson = catboost.CatBoostRegressor(**zoo.CAT, loss_function="Poisson").fit(x, y)
    ranker = catboost.CatBoostRanker(**zoo.CAT).fit(catboost.Pool(x, y, group_id=np.arange(len(x)) // 5))
    several = xgboost.XGBClassifier(n_estimators=3).fit(x, labels)
    assert_close(ox.load(poisson, example=x).predict(x)["prediction"], poisson.predict(x))
    scores = ox.load(poisson, example=x, options={"scores": True})
    assert_close(scores.predict(x)["scores"], np.log(poisson.predict(x)))
    assert_close(ox.load(ranker, example=x).predict(x)["prediction"], ranker.predict(x))
    (found,) = ox.load(several, example=x).predict(x).values()
    assert_close(found, several.predict_proba(x))


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.txt").write_text("tree\nversion=v4\n", encoding="utf-8")
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingDependencyError, match=r"onnxplain\[boost\]"):
        ox.load(tmp_path / "m.txt")
