"""TransformedTargetRegressor's way back from the transformed target, as ONNX operators."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ConversionError

#: operators one after the other, each with the constant that it takes besides
Tail = list[tuple[str, Any]]

#: numpy's functions that invert a target's transformation
FUNCTIONS: dict[Any, Tail] = {
    np.exp: [("Exp", None)],
    np.expm1: [("Exp", None), ("Sub", 1.0)],
    np.log: [("Log", None)],
    np.log1p: [("Add", 1.0), ("Log", None)],
    np.sqrt: [("Sqrt", None)],
    np.square: [("Pow", 2.0)],
    np.negative: [("Neg", None)],
    np.reciprocal: [("Reciprocal", None)],
    np.tanh: [("Tanh", None)],
}


def tail_of(model: Any) -> Tail | None:
    """None for every other estimator."""
    if type(model).__name__ != "TransformedTargetRegressor":
        return None
    if model.transformer is not None:
        return _inverse(model.transformer_)
    if model.inverse_func is None:
        return []
    if model.inverse_func in FUNCTIONS:
        return FUNCTIONS[model.inverse_func]
    known = ", ".join(f"np.{f.__name__}" for f in FUNCTIONS)
    raise ConversionError(
        f"TransformedTargetRegressor's inverse_func {model.inverse_func!r} is code; what can be written is {known}. Explain "
        "its regressor_, which predicts the transformed target"
    )


def _inverse(scaler: Any) -> Tail:
    """Of scalers y' = (y − offset) / scale."""
    kind = type(scaler).__name__
    if kind == "StandardScaler":
        return _affine(scaler.scale_, scaler.mean_)
    if kind == "MinMaxScaler":
        return _affine(1 / scaler.scale_, scaler.data_min_ - scaler.feature_range[0] / scaler.scale_)
    if kind == "MaxAbsScaler":
        return _affine(scaler.scale_, None)
    if kind == "RobustScaler":
        return _affine(scaler.scale_, scaler.center_)
    raise ConversionError(
        f"TransformedTargetRegressor's transformer {kind} has no way back here (there are StandardScaler, MinMaxScaler, "
        "MaxAbsScaler, RobustScaler): explain its regressor_, which predicts the transformed target"
    )


def _affine(scale: Any, offset: Any) -> Tail:
    return [(op, c) for op, c in (("Mul", scale), ("Add", offset)) if c is not None]
