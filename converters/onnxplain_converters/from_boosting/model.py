"""XGBoost, LightGBM and CatBoost → ONNX: boosters, their scikit-learn classes, and the files that they save.

One input of float32 rows, NaN where a number is missing, and one output: probabilities, scores or a prediction. XGBoost's and
LightGBM's trees are read from their own dumps; CatBoost writes ONNX itself.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .. import ConversionError, MissingPackage, framework_of
from ..common import parity, scored
from ..from_sklearn.rows import INPUT, MOST, SCALES
from . import hist_trees, lightgbm_trees, xgboost_trees

OPSET = 18
#: CatBoost's losses of several targets
SEVERAL = ("MultiRMSE", "MultiRMSEWithMissingValues", "RMSEWithUncertainty", "MultiLogloss", "MultiCrossEntropy")
#: what CatBoost says when it writes no ONNX → what to do
CATBOOST = {
    "label type": "train with classes that are integers or text",
    "non symmetric": "train with grow_policy='SymmetricTree'",
}


@dataclass(frozen=True, eq=False)
class Booster:
    """`model` as given; `raw`: its booster; `predict(rows, scores)` as the package computes it; `proto(opset, scores)`."""

    model: Any
    raw: Any
    features: tuple[str, ...]
    count: int
    classes: tuple[str, ...]
    predict: Callable[[np.ndarray, bool], np.ndarray]
    proto: Callable[[int, bool], onnx.ModelProto]
    is_classifier: bool

    def name(self, scores: bool) -> str:
        return "scores" if scores else "probabilities" if self.is_classifier else "prediction"


def to_onnx(model: Any, example: Any = None, opset: int | None = None, scores: bool = False) -> onnx.ModelProto:
    """`model`: a booster, a classifier or regressor, or a file (.ubj and .json of XGBoost, .txt of LightGBM, .cbm of CatBoost).
    `example`: some rows of its data, drawn where left out. `scores`: the sums of the trees instead of what is made of them."""
    source = load(Path(model)) if isinstance(model, (str, Path)) else model
    booster = _booster(source)
    x = _rows(booster, example)
    expected = np.asarray(booster.predict(x, scores), np.float64)
    expected = expected.reshape(len(x), -1)
    proto = scored.only(*_output(booster.proto(opset or OPSET, scores)), booster.name(scores))
    (given,) = proto.graph.input
    given.CopyFrom(onnx.helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, ["N", booster.count]))
    names = _columns(booster, scores, expected.shape[1])
    scored.finished(proto, expected.shape[1], {INPUT: booster.features}, names)
    parity.check(proto, {INPUT: x}, [expected])
    return proto


def written(model: Any, opset: int, scores: bool) -> onnx.ModelProto:
    """Not compared with anything yet."""
    if hist_trees.is_hist(model):
        return hist_trees.forest(model).proto(opset, scores)
    booster = _booster(model)
    proto = scored.only(*_output(booster.proto(opset, scores)), booster.name(scores))
    (output,) = proto.graph.output
    output.CopyFrom(onnx.helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, [scored.SAMPLES, None]))
    return proto


def load(path: Path) -> Any:
    """The booster in a file, by its content."""
    head = path.read_bytes()[:200]
    try:
        if path.suffix.lower() == ".cbm":
            return _package("catboost").CatBoost().load_model(str(path))
        if head.startswith((b"tree\n", b"tree\r\n")):
            return _package("lightgbm").Booster(model_file=str(path))
        if path.suffix.lower() == ".ubj" or b'"learner"' in head:
            booster = _package("xgboost").Booster()
            booster.load_model(str(path))
            return booster
    except ConversionError:
        raise
    except Exception as error:  # the packages' errors have no common base
        raise ConversionError(f"{path} cannot be read: {str(error).partition(chr(10))[0]}") from error
    raise ConversionError(
        f"{path} is no model that XGBoost (.ubj, .json), LightGBM (.txt) or CatBoost (.cbm) wrote: save it with save_model"
    )


def _package(name: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingPackage(f'this model is read by {name}: pip install "onnxplain[boost]"') from error


def _booster(model: Any) -> Booster:
    made = {"xgboost": _xgboost, "lightgbm": _lightgbm, "catboost": _catboost}.get(framework_of(model) or "")
    if made is None:
        raise ConversionError(f"a {type(model).__qualname__} is none of XGBoost's, LightGBM's or CatBoost's models")
    try:
        return made(model)
    except ConversionError:
        raise
    except Exception as error:  # the packages' errors have no common base
        said = str(error).partition("\n")[0]
        raise ConversionError(f"this {type(model).__qualname__} cannot be written: {said}; is it fitted?") from error


def _xgboost(model: Any) -> Booster:
    raw = model.get_booster() if hasattr(model, "get_booster") else model
    best = getattr(model, "best_iteration", None) if raw is not model and _stopped(model) else None
    raw = raw if best is None else raw[: best + 1]
    forest = xgboost_trees.forest(raw)

    def predict(x: np.ndarray, scores: bool) -> np.ndarray:
        found = raw.inplace_predict(x, predict_type="margin" if scores or forest.link == "softmax" else "value")
        if forest.link == "softmax" and not scores:  # multi:softmax says classes only
            e = np.exp(found.astype(np.float64) - found.max(1, keepdims=True))
            return e / e.sum(1, keepdims=True)
        return np.stack([1 - found, found], 1) if forest.link == "pair" and not scores else found

    return Booster(
        model, raw, tuple(raw.feature_names or ()), forest.features, _classes(model, forest.columns), predict, forest.proto,
        forest.link in ("pair", "softmax"),
    )  # fmt: skip


def _stopped(model: Any) -> bool:
    return bool(getattr(model, "early_stopping_rounds", None))


def _lightgbm(model: Any) -> Booster:
    raw = getattr(model, "booster_", model)
    forest = lightgbm_trees.forest(raw)
    share = lightgbm_trees.averaged(raw.dump_model())  # raw scores are sums also where predictions are means

    def predict(x: np.ndarray, scores: bool) -> np.ndarray:
        found = raw.predict(x.astype(np.float64), raw_score=scores) / (share if scores else 1)
        return np.stack([1 - found, found], 1) if forest.link == "pair" and not scores else found

    names = tuple(raw.feature_name())
    made_up = names == tuple(f"Column_{k}" for k in range(len(names)))
    return Booster(
        model, raw, () if made_up else names, forest.features, _classes(model, forest.columns), predict, forest.proto,
        forest.columns > 1 and forest.link in ("pair", "softmax", "sigmoid"),
    )  # fmt: skip


def _catboost(model: Any) -> Booster:
    if model.get_cat_feature_indices() or model.get_text_feature_indices():
        raise ConversionError(
            "CatBoost writes no ONNX of models with categorical or text features: encode them first (OneHotEncoder or "
            "OrdinalEncoder in a pipeline), and train on numbers"
        )
    loss = str(model.get_all_params().get("loss_function")).partition(":")[0]
    if loss in SEVERAL:
        raise ConversionError(f"CatBoost writes no ONNX of several targets at once ({loss}): train a model for each")
    proto = _catboost_proto(model)
    is_classifier = any(o.name == "probabilities" for o in proto.graph.output)

    # what its ONNX leaves out
    exponent = loss in ("Poisson", "Tweedie")

    def predict(x: np.ndarray, scores: bool) -> np.ndarray:
        if not is_classifier:
            if not exponent:
                return model.predict(x)
            return model.predict(x, prediction_type="RawFormulaVal" if scores else "Exponent")
        return model.predict(x, prediction_type="RawFormulaVal" if scores else "Probability")

    def written(opset: int, scores: bool) -> onnx.ModelProto:
        if scores and is_classifier:
            raise ConversionError("CatBoost writes probabilities of a classifier, no scores: leave scores=True out")
        if exponent and not scores:
            scored.then(proto, "Exp")
        return proto

    names = tuple(model.feature_names_ or ())
    made_up = names == tuple(str(k) for k in range(len(names)))
    return Booster(
        model, model, () if made_up else names, len(names), _classes(model, len(model.classes_)), predict, written,
        is_classifier,
    )  # fmt: skip


def _catboost_proto(model: Any) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        try:
            model.save_model(str(path), format="onnx")
        except Exception as error:  # catboost.CatBoostError, and others
            said = str(error).rpartition(": ")[2]
            advice = next((a for words, a in CATBOOST.items() if words in said), "is it fitted?")
            raise ConversionError(
                f"CatBoost cannot write this {type(model).__qualname__} as ONNX: {said}; {advice}"
            ) from error
        proto = onnx.load(path)
    for node in proto.graph.node:
        node.input[:] = [INPUT if v == proto.graph.input[0].name else v for v in node.input]
    proto.graph.input[0].name = INPUT
    return proto


def _output(proto: onnx.ModelProto) -> tuple[onnx.ModelProto, str]:
    return proto, proto.graph.output[-1].name


def _classes(model: Any, count: int) -> tuple[str, ...]:
    """Names of the classes; a booster knows how many there are."""
    known = getattr(model, "classes_", None)
    known = range(count) if known is None or not len(known) else known
    return tuple(map(str, known))


def _columns(booster: Booster, scores: bool, columns: int) -> tuple[str, ...]:
    if booster.is_classifier:
        return booster.classes if len(booster.classes) == columns else booster.classes[-1:] if columns == 1 else ()
    name = booster.name(scores)
    return (name,) if columns == 1 else tuple(f"{name} {k + 1}" for k in range(columns))


def _rows(booster: Booster, example: Any) -> np.ndarray:
    if example is None:
        n = 32
        made = np.random.default_rng(0).standard_normal((n, booster.count)) * np.resize(SCALES, n)[:, None]
        return made.astype(np.float32)
    names = booster.features
    if hasattr(example, "columns") and names:
        if absent := [n for n in names if n not in map(str, example.columns)]:
            raise ConversionError(f"the example has no columns {absent[:5]}, which the model was trained on")
        example = example[[c for n in names for c in example.columns if str(c) == n]]
    example = example.toarray() if hasattr(example, "toarray") else example
    try:
        x = np.asarray(example).astype(np.float32)[:MOST]
    except (TypeError, ValueError) as error:
        raise ConversionError(f"the example holds what is no number: {error}") from error
    if x.ndim != 2 or x.shape[1] != booster.count or not len(x):
        raise ConversionError(f"the example has shape {x.shape}; the model takes rows of {booster.count} features")
    return x
