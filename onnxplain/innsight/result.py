"""Result: what a `run_*` function gives, as arrays, tensors, a data frame, pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ..errors import InputError
from ..explanation import Explanation
from ..model import Model
from .converter import Converter
from .layout import from_model

TYPES = ("array", "torch_tensor", "torch.tensor", "data.frame")


@dataclass(frozen=True, eq=False)
class Output:
    """One explained output. `values`: by input (samples, …, nodes), channels as the data have them; None where the
    input cannot reach it. `preds`, `goals`: (samples, nodes), None where there are none."""

    number: int
    nodes: list[int]
    values: tuple[np.ndarray | None, ...]
    shapes: tuple[tuple[int, ...], ...]
    preds: np.ndarray | None
    goals: np.ndarray | None
    explanation: Explanation | None


def output_of(
    k: int, e: Explanation, nodes: list[int], model: Model, channels_first: bool, goals: np.ndarray | None
) -> Output:
    """Output k from our explanation of it; `goals` where innsight has others than we."""
    name = list(model.outputs)[k]
    values, shapes = [], []
    for i in model.inputs:
        a = e[i]
        array = from_model(a.values, channels_first, model, i)
        values.append(array if a.connected else None)
        shapes.append(array.shape)
    ours = e.goals[name]
    known = goals if goals is not None else None if np.isnan(ours).all() else ours
    return Output(k, nodes, tuple(values), tuple(shapes), e.predictions[name], known, e)


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """`outputs`: one entry per output, None where it was not asked for. `fields`: the method's arguments."""

    method: str
    converter: Converter
    outputs: tuple[Output | None, ...]
    fields: Mapping[str, Any]

    @property
    def asked(self) -> list[Output]:
        return [o for o in self.outputs if o is not None]

    @property
    def output_idx(self) -> list[list[int] | None]:
        return [None if o is None else o.nodes for o in self.outputs]

    @property
    def output_label(self) -> list[list[str] | None]:
        names = self.converter.output_names
        return [None if o is None else [names[o.number][i] for i in o.nodes] for o in self.outputs]

    @property
    def preds(self) -> list[np.ndarray | None]:
        """For each output the model's own values at its nodes."""
        return [None if o is None else o.preds for o in self.outputs]

    @property
    def decomp_goal(self) -> list[np.ndarray | None]:
        """For each output what the attributions, summed over all inputs, decompose."""
        return [None if o is None else o.goals for o in self.outputs]

    def get_result(self, type: str = "array") -> Any:
        """The attributions as innsight's `type`.

        "array": numpy (samples, *dims, nodes), NaN where an input cannot reach the output; "torch_tensor": the same as
        tensors, None there; "data.frame": innsight's columns. Nested as {"Output_1": {"Input_1": …}}, each level only
        where there are several.
        """
        if type == "array":
            return self._nested(lambda v, shape: np.full(shape, np.nan) if v is None else v)
        if type in ("torch_tensor", "torch.tensor"):
            return self._nested(lambda v, shape: None if v is None else torch.from_numpy(np.array(v)))
        if type == "data.frame":
            from .frame import data_frame

            return data_frame(self)
        raise InputError(f"type={type!r}: it is one of {', '.join(map(repr, TYPES))}")

    def _nested(self, of: Callable[[np.ndarray | None, tuple[int, ...]], Any]) -> Any:
        by_output = {}
        for o in self.asked:
            each = [of(v, s) for v, s in zip(o.values, o.shapes, strict=True)]
            by_output[f"Output_{o.number + 1}"] = each[0] if len(each) == 1 else dict(_numbered("Input", each))
        return next(iter(by_output.values())) if len(by_output) == 1 else by_output

    def plot(
        self,
        data_idx: int | Sequence[int] = 0,
        output_idx: Any = None,
        output_label: Any = None,
        aggr_channels: Any = "sum",
        as_plotly: bool = False,
        same_scale: bool = False,
        show_preds: bool = True,
    ) -> Any:
        """Samples × nodes × inputs: a matplotlib Figure, or plotly Figures (a list of them where there are several).

        `output_idx`: by default the first node that was explained. `aggr_channels`: "sum", "mean", "norm".
        `same_scale`: one scale for all inputs of a picture."""
        from .plots import plot

        return plot(self, data_idx, output_idx, output_label, aggr_channels, as_plotly, same_scale, show_preds)

    def plot_global(
        self,
        output_idx: Any = None,
        output_label: Any = None,
        data_idx: Any = "all",
        ref_data_idx: int | None = None,
        aggr_channels: Any = "sum",
        preprocess_FUN: Any = abs,
        as_plotly: bool = False,
    ) -> Any:
        """All samples (`data_idx`) at once, one figure per node: boxes for tables, maps for series and images."""
        from .plots import plot_global

        return plot_global(
            self, output_idx, output_label, data_idx, ref_data_idx, aggr_channels, preprocess_FUN, as_plotly
        )

    def boxplot(self, **arguments: Any) -> Any:
        """`plot_global` under R's name."""
        return self.plot_global(**arguments)

    def __repr__(self) -> str:
        return f"Result({self.method!r}, output_idx={self.output_idx})"

    def __str__(self) -> str:
        lines = [f"Method {self.method} (innsight)"]
        lines += [f"  {k}: {_said(v)}" for k, v in self.fields.items()]
        for o, labels in zip(self.outputs, self.output_label, strict=True):
            if o is None or labels is None:
                continue
            lines.append(f"  Output_{o.number + 1}: nodes {o.nodes} ({', '.join(labels)})")
            for name, v in _numbered("Input", o.values):
                if v is None:
                    lines.append(f"    {name}: not connected to output {o.number + 1}")
                else:
                    low, middle, high = (f"{q:.4g}" for q in (v.min(), np.median(v), v.max()))
                    lines.append(f"    {name}: shape {v.shape}, min {low}, median {middle}, max {high}")
        return "\n".join(lines)


def _numbered(what: str, items: Sequence[Any]) -> list[tuple[str, Any]]:
    return [(f"{what}_{k}", item) for k, item in enumerate(items, 1)]


def _said(value: Any) -> str:
    if value is None:
        return "default"
    if isinstance(value, (list, tuple)) or hasattr(value, "shape"):
        arrays = value if isinstance(value, (list, tuple)) else [value]
        return ", ".join(f"array {np.shape(a)}, mean {np.mean(np.asarray(a, dtype=float)):.4g}" for a in arrays)
    return repr(value) if isinstance(value, str) else str(value)
