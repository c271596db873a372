"""Rows of a table as a scikit-learn model takes them and as its ONNX model reads them.

One input for all columns where they are numbers; one input per column, named for it, where some hold text or the model picks
its columns by name; one input of texts for a list of them. So what the model predicts is what its ONNX model takes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ConversionError

INPUT = "x"
#: one input of texts, for a model that begins with a vectorizer of text
TEXT = "text"
#: rows of the example that predictions are compared on
MOST = 1000
#: sizes of the normal numbers that are made up, row by row
SCALES = (0.3, 1.0, 3.0, 10.0)


@dataclass(frozen=True, eq=False)
class Rows:
    """`source`: what the model predicts; `feeds`: what the ONNX model reads, the same numbers; `labels`: names of features,
    by input; `drawn`: made up, as no example was given."""

    source: Any
    feeds: Mapping[str, np.ndarray]
    labels: Mapping[str, tuple[str, ...]]
    drawn: bool = False


def rows_of(model: Any, example: Any, dtype: np.dtype) -> Rows:
    """Raises `ConversionError` where the example does not fit, or is needed and was not given."""
    drawn = example is None
    given = _drawn(model) if drawn else _table(example)
    names = tuple(str(n) for n in getattr(model, "feature_names_in_", ()))
    count = getattr(model, "n_features_in_", None)
    frame = hasattr(given, "columns") and hasattr(given, "dtypes")
    if frame and names:
        if absent := [n for n in names if n not in map(str, given.columns)]:
            raise ConversionError(f"the example has no columns {absent[:5]}, which the model was trained on")
        given = given[[c for n in names for c in given.columns if str(c) == n]]
    if count is None and _is_text(given):
        return Rows(given, {TEXT: given.astype(object).reshape(-1, 1)}, {}, drawn)
    if len(given.shape) != 2 or (count is not None and given.shape[1] != count):
        raise ConversionError(f"the example has shape {given.shape}; the model takes rows of {count} features")
    if not len(given):
        raise ConversionError("the example has no rows")
    if frame and (by_name(model) or not _numeric(given)):
        return _by_column(model, given, dtype, drawn)
    try:
        numbers = np.asarray(given).astype(dtype)
    except (TypeError, ValueError) as error:
        raise ConversionError(
            f"the example holds what is no number ({error}): give a table with named columns"
        ) from error
    source: Any = numbers.astype(np.float64)
    if frame and names:
        source = type(given)(source, columns=given.columns)
    labels = names or (tuple(map(str, given.columns)) if frame else ())
    return Rows(source, {INPUT: numbers}, {INPUT: labels}, drawn)


def _is_text(given: Any) -> bool:
    """Whether it is a list of texts."""
    return isinstance(given, np.ndarray) and given.ndim == 1 and all(isinstance(t, str) for t in given.tolist())


def by_name(model: Any) -> bool:
    """Whether some part picks columns by name."""
    return any(isinstance(c, str) for _, columns in _picked(model) for c in columns)


def parts(model: Any) -> Iterator[Any]:
    """An estimator and those inside it."""
    yield model
    inside: list[Any] = []
    for field in ("steps", "transformers_", "transformer_list"):
        inside += [entry[1] for entry in getattr(model, field, None) or ()]
    inside += [
        getattr(model, f) for f in ("regressor_", "transformer_", "estimator", "best_estimator_") if hasattr(model, f)
    ]
    fitted = getattr(model, "estimators_", None)
    inside += list(np.ravel(np.asarray(fitted, dtype=object))) if fitted is not None else []
    for part in inside:
        if hasattr(part, "get_params"):
            yield from parts(part)


def _picked(model: Any) -> Iterator[tuple[Any, list[Any]]]:
    """(transformer, columns) of every ColumnTransformer."""
    for part in parts(model):
        for _, transformer, columns in getattr(part, "transformers_", None) or ():
            columns = columns if isinstance(columns, (list, tuple, np.ndarray)) else [columns]
            yield transformer, list(columns)


def categories(model: Any) -> dict[str, np.ndarray]:
    """Column → the values that the encoder of this column knows."""
    names = [str(n) for n in getattr(model, "feature_names_in_", ())]
    found: dict[str, np.ndarray] = {}
    for transformer, columns in _picked(model):
        for part in parts(transformer):
            known = getattr(part, "categories_", None)
            if known is not None and len(known) == len(columns):
                texts = [
                    c if isinstance(c, str) else names[c] if isinstance(c, (int, np.integer)) and names else ""
                    for c in columns
                ]
                found |= dict(zip(texts, map(np.asarray, known), strict=True))
    return found


def _table(example: Any) -> Any:
    if isinstance(example, Mapping):
        try:
            import pandas as pd
        except ImportError as error:
            raise ConversionError(
                "an example by column name needs pandas: pip install pandas, or give an array"
            ) from error
        return pd.DataFrame({k: np.asarray(v).reshape(-1) for k, v in example.items()}).head(MOST)
    if hasattr(example, "toarray"):
        example = example.toarray()
    if hasattr(example, "iloc") and len(example.shape) == 2:
        return example.iloc[:MOST]
    if hasattr(example, "to_pandas"):
        return example.to_pandas().iloc[:MOST]
    return np.asarray(example)[:MOST]


def _drawn(model: Any) -> Any:
    """Normal numbers, and of encoded columns what their encoder knows."""
    count = getattr(model, "n_features_in_", None)
    if count is None:
        raise ConversionError(
            f"what this {type(model).__name__} takes must be shown: give an example, some rows of its data"
        )
    rng, n = np.random.default_rng(0), 32
    numbers = rng.standard_normal((n, count)) * np.resize(SCALES, n)[:, None]
    known = categories(model)
    if not known and not by_name(model):
        return numbers
    import pandas as pd

    frame = pd.DataFrame(numbers, columns=[str(c) for c in model.feature_names_in_])
    for name, values in known.items():
        frame[name] = rng.choice(values, n)
    return frame


def _numeric(frame: Any) -> bool:
    return all(getattr(t, "kind", "O") in "iufb" for t in frame.dtypes)


def _by_column(model: Any, frame: Any, dtype: np.dtype, drawn: bool) -> Rows:
    encoded = categories(model)
    source, feeds = frame.copy(), {}
    for name in frame.columns:
        values = frame[name]
        kind = getattr(values.dtype, "kind", "O")
        if kind in "iu" and str(name) in encoded:
            feeds[str(name)] = values.to_numpy().astype(np.int64).reshape(-1, 1)
        elif kind in "iufb":
            numbers = values.to_numpy().astype(dtype)
            feeds[str(name)] = numbers.reshape(-1, 1)
            if kind != "b":
                source[name] = numbers.astype(np.float64)
        else:
            feeds[str(name)] = _texts(values, name)
    return Rows(source, feeds, {}, drawn)


def _texts(values: Any, name: Any) -> np.ndarray:
    texts = values.astype(object).to_numpy()
    odd = next((t for t in texts.tolist() if not isinstance(t, str)), None)
    if odd is not None or any(not isinstance(t, str) for t in texts.tolist()):
        raise ConversionError(
            f"column {name!r} of the example holds {odd!r}, which is neither a number nor text: ONNX has no missing text; "
            "fill it, and convert numbers that are categories with astype(str)"
        )
    return texts.reshape(-1, 1)
