"""scikit-learn estimators and pipelines → ONNX by skl2onnx, with one output: probabilities, scores or a prediction.

float32 unless only float64 gives the model's own predictions; trees compare in float32, as scikit-learn's do. What skl2onnx
does not write is put together here: targets that are transformed, and pipelines that end in trees of another package.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .. import ConversionError, MissingPackage, framework_of
from ..common import parity, pickled, scored
from ..from_boosting import hist_trees
from ..from_boosting import model as boosting
from .forms import bare, writable
from .results import Result, result_of
from .rows import Rows, rows_of
from .target import Tail, tail_of
from .writers import writers

OPSET = 18
ML_OPSET = 3
DTYPES = ("float32", "float64")
TRY = (
    "Convert the steps before it, replace the step that is named, or explain model.predict_proba or predict as a function: "
    "onnxplain.explain(f, x, 'kernel_shap')"
)
BOOSTED = ("xgboost", "lightgbm", "catboost")


def to_onnx(
    model: Any,
    example: Any = None,
    opset: int | None = None,
    scores: bool = False,
    dtype: str = "auto",
    trust: bool = False,
) -> onnx.ModelProto:
    """`model`: an estimator or pipeline, or a .pkl or .joblib file of one. `example`: some rows of its data, drawn where left
    out. `scores`: what decision_function says, instead of probabilities. `dtype`: "float32" or "float64" alone; "auto" tries
    them in turn. `trust`: the file may run its code.
    """
    if dtype not in ("auto", *DTYPES):
        raise ConversionError(f"dtype={dtype!r}: it is 'auto', 'float32' or 'float64'")
    if isinstance(model, (str, Path)):
        path, model = model, pickled.read(model, trust)
        if framework_of(model) not in ("sklearn", *BOOSTED):
            raise ConversionError(f"{path} holds a {type(model).__qualname__}, which is no scikit-learn estimator")
    if framework_of(model) in BOOSTED:
        return boosting.to_onnx(model, example, opset, scores)
    _check_fitted(model)
    failed: list[ConversionError] = []
    for kind in DTYPES if dtype == "auto" else (dtype,):
        rows = rows_of(model, example, np.dtype(kind))
        result = result_of(model, rows, scores)
        try:
            return _converted(model, rows, result, opset, scores, np.dtype(kind))
        except ConversionError as error:
            failed.append(error)
    raise failed[0]


def _converted(
    model: Any, rows: Rows, result: Result, opset: int | None, scores: bool, dtype: np.dtype
) -> onnx.ModelProto:
    proto = _written(bare(model), rows, opset, scores, dtype)
    scored.only(proto, proto.graph.output[-1].name, result.name)
    _fit_columns(proto, rows, result)
    scored.finished(proto, result.values.shape[1], rows.labels, result.labels)
    try:
        parity.check(proto, rows.feeds, [result.values])
    except ConversionError as error:
        raise ConversionError(f"skl2onnx writes this {type(model).__name__} wrong: {error}. {TRY}") from error
    return proto


def _fit_columns(proto: onnx.ModelProto, rows: Rows, result: Result) -> None:
    """Two classes have one score in scikit-learn, and two or its negative in the ONNX model."""
    (found,) = parity.run(proto, rows.feeds)
    if found.ndim == 1:
        from onnx import numpy_helper

        scored.then(proto, "Reshape", numpy_helper.from_array(np.array([-1, 1])))
    elif result.values.shape[1] == 1 and found.shape[1] == 2:
        pairs = [(k, sign) for k in (1, 0) for sign in (1, -1)]
        scored.column(proto, *min(pairs, key=lambda p: parity.difference(p[1] * found[:, p[0]], result.values[:, 0])))


def _written(model: Any, rows: Rows, opset: int | None, scores: bool, dtype: np.dtype) -> onnx.ModelProto:
    """With all outputs of skl2onnx."""
    *before, last = [part for _, part in model.steps] if hasattr(model, "steps") else [model]
    if last in ("passthrough", None):
        last = model if not before else last
    tail = tail_of(last)
    if tail is not None:
        proto = _written(_pipeline(before, last.regressor_), rows, opset, scores, dtype)
        scored.only(proto, proto.graph.output[-1].name, "before_target")
        return _with_tail(proto, tail, dtype)
    if hist_trees.is_hist(last) and not before:
        return boosting.written(last, opset or OPSET, scores)
    if framework_of(last) in BOOSTED or hist_trees.is_hist(last):
        return _boosted(_pipeline(before[:-1], before[-1]), last, rows, opset, scores, dtype)
    return _by_skl2onnx(model, rows, opset, scores, dtype)


def _pipeline(before: list[Any], last: Any) -> Any:
    from sklearn.pipeline import Pipeline

    return Pipeline([(f"step{k}", part) for k, part in enumerate([*before, last])]) if before else last


def _with_tail(proto: onnx.ModelProto, tail: Tail, dtype: np.dtype) -> onnx.ModelProto:
    for op, constant in tail:
        value = None if constant is None else onnx.numpy_helper.from_array(np.asarray(constant, dtype))
        scored.then(proto, op, value)
    return proto


def _boosted(before: Any, last: Any, rows: Rows, opset: int | None, scores: bool, dtype: np.dtype) -> onnx.ModelProto:
    """A pipeline whose last step is another package's."""
    first = _by_skl2onnx(before, rows, opset, False, dtype)
    scored.only(first, first.graph.output[-1].name, "columns")
    second = boosting.written(last, opset or OPSET, scores)
    first.ir_version = second.ir_version = max(first.ir_version, second.ir_version)
    opsets = {o.domain: o.version for p in (second, first) for o in p.opset_import}
    for p in (first, second):
        del p.opset_import[:]
        p.opset_import.extend(onnx.helper.make_opsetid(d, v) for d, v in opsets.items())
    if dtype != np.float32:
        scored.then(first, "Cast", to=onnx.TensorProto.FLOAT)
    joined = [("before/columns", f"last/{second.graph.input[0].name}")]
    for p, prefix in ((first, "before/"), (second, "last/")):
        onnx.compose.add_prefix(p, prefix, inplace=True, rename_inputs=prefix == "last/")
    return onnx.compose.merge_models(first, second, io_map=joined)


def _by_skl2onnx(model: Any, rows: Rows, opset: int | None, scores: bool, dtype: np.dtype) -> onnx.ModelProto:
    skl2onnx = _package()
    initial = [(name, _type(array, dtype)) for name, array in rows.feeds.items()]
    prepared = writable(model, scores)
    last = prepared
    while hasattr(last, "steps"):
        last = last.steps[-1][1]
    shapes, nodes = writers()
    convert: Callable[..., onnx.ModelProto] = partial(
        skl2onnx.convert_sklearn,
        prepared,
        custom_shape_calculators=shapes,
        custom_conversion_functions=nodes,
        initial_types=initial,
        target_opset={"": opset or OPSET, "ai.onnx.ml": ML_OPSET},
    )
    wished: tuple[dict[str, bool], ...] = ({"zipmap": False}, {})
    if scores:
        without = () if hasattr(last, "predict_proba") else wished
        wished = ({"zipmap": False, "raw_scores": True}, {"raw_scores": True}, *without)
    for options in wished:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return _in_any_country(convert(options={id(last): options} if options else None))
        except NameError:  # this estimator's converter does not have the option
            continue
        except ConversionError:
            raise
        except Exception as error:  # skl2onnx's errors have no common base
            raise _reason(model, error) from error
    raise ConversionError(f"skl2onnx has no scores of {type(model).__name__}")


def _in_any_country(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Upper and lower case by Unicode alone: onnxruntime takes them by American rules, which few machines have installed."""
    for n in proto.graph.node:
        if n.op_type == "StringNormalizer" and sys.platform == "linux" and not any(a.name == "locale" for a in n.attribute):
            n.attribute.append(onnx.helper.make_attribute("locale", "C.UTF-8"))
    return proto


def _package() -> Any:
    try:
        import skl2onnx
    except ImportError as error:
        raise MissingPackage('scikit-learn models become ONNX by skl2onnx: pip install "onnxplain[sklearn]"') from error
    return skl2onnx


def _type(array: np.ndarray, dtype: np.dtype) -> Any:
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType

    known = {"O": StringTensorType, "i": Int64TensorType}
    kind = known.get(array.dtype.kind, FloatTensorType if dtype == np.float32 else DoubleTensorType)
    return kind([None, array.shape[1]])


def _check_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError as error:
        raise ConversionError(f"this {type(model).__name__} is not fitted: call fit first") from error
    except TypeError as error:
        raise ConversionError(f"this {type(model).__name__} is no estimator: {error}") from error


def _reason(model: Any, error: Exception) -> ConversionError:
    said = " ".join(str(error).split())
    if lacking := re.search(r"Unable to find a shape calculator for type '<class '(?:.*?)(\w+)'>'", said):
        said = f"it has no converter for {lacking[1]}"
    said = said if len(said) <= 300 else f"{said[:300]} …"
    return ConversionError(f"skl2onnx cannot write this {type(model).__name__}: {said.rstrip('.')}. {TRY}")
