"""innsight's data frame: one row per sample, place in the input, and node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import MissingDependencyError
from ..result.optional import optional

if TYPE_CHECKING:
    from .result import Output, Result

COLUMNS = [
    "data",
    "model_input",
    "model_output",
    "feature",
    "feature_2",
    "channel",
    "output_node",
    "value",
    "pred",
    "decomp_sum",
    "decomp_goal",
    "input_dimension",
]


def data_frame(result: Result) -> Any:
    """Columns in innsight's order, samples running fastest, then channel, feature, feature_2, node. `feature_2` only
    where an input is an image, `channel` where one is an image or series. `decomp_sum`: over that input alone."""
    pandas = optional("pandas")
    if pandas is None:
        raise MissingDependencyError("get_result('data.frame') needs pandas: pip install onnxplain[tables]")
    parts = []
    for o in result.asked:
        for k, values in enumerate(o.values):
            whole = np.full(o.shapes[k], np.nan) if values is None else values
            parts.append(pandas.DataFrame(_columns(result, o, k, whole)))
    frame = pandas.concat(parts, ignore_index=True)
    outputs = [f"Output_{i + 1}" for i in range(len(result.outputs))]
    frame["model_output"] = pandas.Categorical(frame["model_output"], outputs)
    most = int(frame["input_dimension"].max())
    dropped = [*(["feature_2"] if most <= 2 else []), *(["channel"] if most <= 1 else [])]
    return frame[list(COLUMNS)].drop(columns=dropped)


def _columns(result: Result, o: Output, k: int, values: np.ndarray) -> dict[str, Any]:
    names = result.converter.input_names[k]  # channels first
    rank = len(names)
    places = {1: ("feature",), 2: ("channel", "feature"), 3: ("channel", "feature", "feature_2")}[rank]
    array = np.moveaxis(values, -2, 1) if rank > 1 and not result.fields["channels_first"] else values
    samples = [f"data_{i + 1}" for i in range(array.shape[0])]
    labels = [result.converter.output_names[o.number][i] for i in o.nodes]
    flat = [i.ravel(order="F") for i in np.indices(array.shape)]  # R's order: the first axis runs fastest
    out: dict[str, Any] = {
        "data": np.array(samples)[flat[0]],
        "model_input": f"Input_{k + 1}",
        "model_output": f"Output_{o.number + 1}",
        "output_node": np.array(labels)[flat[-1]],
        "value": array.ravel(order="F"),
        "decomp_sum": array.reshape(len(array), -1, len(labels)).sum(1)[flat[0], flat[-1]],
        "input_dimension": rank,
    }
    for column, labels, at in zip(places, names, flat[1:-1], strict=True):
        out[column] = np.array(labels)[at]
    for column in ("feature_2", "channel"):
        out.setdefault(column, None)
    for column, table in (("pred", o.preds), ("decomp_goal", o.goals)):
        out[column] = np.nan if table is None else table[flat[0], flat[-1]]
    return out
