"""An explanation as torch tensors, xarray objects or a shap.Explanation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .attribution import Attribution
from .optional import require

if TYPE_CHECKING:
    import xarray

    from ..explanation import Explanation


def to_torch(values: np.ndarray | Mapping[Any, np.ndarray]) -> Any:
    """Tensors that share no memory with the explanation."""
    import torch

    if isinstance(values, Mapping):
        return {key: torch.tensor(v) for key, v in values.items()}
    return torch.tensor(values)


def to_xarray(e: Explanation) -> xarray.DataArray | xarray.Dataset:
    """A DataArray for one attribution; otherwise a Dataset with one variable per input, or 'input → output'.

    Predictions, goals and sums come along as coordinates over (sample, target). An axis name that two variables use
    with different coordinates gets the input's (for targets the output's) name in front.
    """
    xr = require("xarray", "tables", "to_xarray()")
    parts = list(e.attributions.values())
    one_output = len({a.output for a in parts}) <= 1
    dims = _shared_dims(parts, e.target_labels)
    coords: dict[str, Any] = {}
    for a in parts:
        known = {**a.labels, "target": e.target_labels[a.output]}
        coords |= {new: (new, _index(known[old])) for old, new in dims[id(a)].items()}
        for name, table in (("prediction", e.predictions), ("goal", e.goals), ("sum", e.sums)):
            pair = (dims[id(a)]["sample"], dims[id(a)]["target"])
            coords[name if one_output else f"{name} ({a.output})"] = (pair, table[a.output])
    variables: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, Any]]] = {}
    for a in parts:
        name = a.input if one_output else f"{a.input} → {a.output}"
        name = f"attribution of {name}" if name in coords else name
        attrs = {"input": a.input, "output": a.output, "connected": int(a.connected)}
        variables[name] = (tuple(dims[id(a)].values()), a.values, attrs)
    attrs = {"model": e.model, "method": e.method, "complete": int(e.complete), "notes": "\n".join(e.notes)}
    if len(variables) == 1:
        ((name, (axes, values, own)),) = variables.items()
        return xr.DataArray(values, coords=coords, dims=axes, name=name, attrs=own | attrs)
    return xr.Dataset(variables, coords=coords, attrs=attrs)


def _index(labels: tuple[Any, ...]) -> np.ndarray:
    """One array element per label, also where labels are tuples."""
    if any(isinstance(v, tuple) for v in labels):
        out = np.empty(len(labels), dtype=object)
        out[:] = labels
        return out
    return np.asarray(labels, dtype=object if len({type(v) for v in labels}) > 1 else None)


def _shared_dims(parts: list[Attribution], targets: Mapping[str, tuple[str, ...]]) -> dict[int, dict[str, str]]:
    """For each attribution: its axis names → names under which all of them fit into one data set."""
    seen: dict[str, set[tuple[Any, ...]]] = {}
    for a in parts:
        for d in a.dims:
            seen.setdefault(d, set()).add(targets[a.output] if d == "target" else a.labels[d])

    def name(a: Attribution, d: str) -> str:
        return d if len(seen[d]) == 1 else f"{a.output if d == 'target' else a.input}.{d}"

    return {id(a): {d: name(a, d) for d in a.dims} for a in parts}


def to_shap(e: Explanation) -> Any:
    """A shap.Explanation (by input name, or pair, where there are several), ready for shap's plots.

    base_values = prediction − sum, so that shap's plots end at the prediction. One target: the target axis is dropped.
    """
    shap = require("shap", "shap", "to_shap()")

    def convert(a: Attribution) -> Any:
        drop = a.shape[-1] == 1
        total = a.values.sum(axis=tuple(range(1, a.values.ndim - 1)))
        base = e.predictions[a.output] - total
        features = a.labels[a.dims[1]] if a.values.ndim == 3 else None
        return shap.Explanation(
            values=a.values[..., 0] if drop else a.values,
            base_values=base[:, 0] if drop else base,
            data=a.data,
            feature_names=None if features is None else [str(f) for f in features],
            output_names=None if drop else list(e.target_labels[a.output]),
        )

    converted = {key: convert(e[key]) for key in e}
    return next(iter(converted.values())) if len(converted) == 1 else converted
