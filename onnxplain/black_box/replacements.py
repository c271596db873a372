"""What masked values become: a baseline in every form, or a reference set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..data import by_input
from ..errors import InputError
from ..methods.baselines import made
from ..methods.blackbox.base import BlackBoxMethod
from ..methods.blackbox.driver import Replacements
from ..specs import Spec
from .predictor import Predictor

CHOICE = 3  # purpose number of the choice among references


def find_replacements(
    method: BlackBoxMethod, predictor: Predictor, x: Mapping[str, np.ndarray], data: Any, seed: int
) -> Replacements:
    """`x`: the inputs that are changed, samples first."""
    kind, given = method.replacement()
    if kind == "data_ref":
        return Replacements(_references(predictor, x, given, getattr(method, "limit_ref", None), seed))
    if callable(given) and not hasattr(given, "shape"):
        given = made(given, data, predictor.inputs)
    specs = {i: predictor.inputs[i] for i in x}
    if _is_number(given):
        given = dict.fromkeys(x, given)
    elif isinstance(given, Mapping):
        if unknown := [k for k in given if k not in x]:
            raise InputError(f"the baseline names inputs {unknown}; those that are changed are {list(x)}")
        given = {i: given.get(i, 0) for i in x}
    rows = {i: _rows(predictor, specs[i], b, x[i]) for i, b in by_input(specs, given, "baseline").items()}
    n = len(next(iter(x.values())))
    per_sample = n > 1 and any(len(r) == n for r in rows.values())
    if per_sample:
        rows = {i: np.broadcast_to(r, (n, *r.shape[1:])) for i, r in rows.items()}
    return Replacements(rows, per_sample)


def _rows(predictor: Predictor, spec: Spec, given: Any, x: np.ndarray) -> np.ndarray:
    """One row, or one per sample."""
    if isinstance(given, str) or _is_number(given):
        return _constant(spec, given, x)
    axis = spec.batch_axis
    if axis is not None and np.ndim(given) == x.ndim - 1:
        given = np.expand_dims(np.asarray(given), axis)
    rows = predictor.read({spec.name: spec}, {spec.name: given}, "baseline")[spec.name]
    rows = rows[None] if axis is None else rows
    if len(rows) not in (1, len(x)) or rows.shape[1:] != x.shape[1:]:
        raise InputError(
            f"the baseline of input {spec.name!r} has {len(rows)} rows of shape {rows.shape[1:]}: give one row of shape "
            f"{x.shape[1:]}, or {len(x)} (one per sample)"
        )
    return rows


def _constant(spec: Spec, value: Any, x: np.ndarray) -> np.ndarray:
    text = x.dtype == object
    if text != isinstance(value, str):
        raise InputError(f"the baseline of input {spec.name!r}, which holds {'text' if text else x.dtype}, is {value!r}")
    if not text and (not np.isfinite(value) or (x.dtype.kind != "f" and value != int(value))):
        raise InputError(f"the baseline of input {spec.name!r}, which holds {x.dtype}, is {value}")
    return np.full((1, *x.shape[1:]), value, dtype=x.dtype)


def _references(
    predictor: Predictor, x: Mapping[str, np.ndarray], given: Any, limit: int | None, seed: int
) -> dict[str, np.ndarray]:
    """The rows of a reference set, or of `limit` chosen ones; a number is one row of it."""
    if given is None:
        raise InputError("data_ref is missing: give reference samples in the same form as the data, or a number")
    if _is_number(given):
        return {i: _constant(predictor.inputs[i], given, v) for i, v in x.items()}
    specs = predictor.inputs
    if isinstance(given, Mapping) and set(given) == set(x):
        specs = {i: s for i, s in specs.items() if i in x}
    rows = predictor.read(specs, given, "data_ref")
    rows = {i: rows[i][None] if predictor.inputs[i].batch_axis is None else rows[i] for i in x}
    for i, r in rows.items():
        if r.shape[1:] != x[i].shape[1:]:
            raise InputError(f"data_ref of input {i!r} has rows of shape {r.shape[1:]}, the data {x[i].shape[1:]}")
    n = max(map(len, rows.values()))
    rows = {i: np.broadcast_to(r, (n, *r.shape[1:])) for i, r in rows.items()}
    if limit is None or n <= limit:
        return rows
    chosen = np.sort(np.random.default_rng([seed, CHOICE]).choice(n, limit, replace=False))
    return {i: r[chosen] for i, r in rows.items()}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)
