"""Pictures of a `Result`, drawn by onnxplain's own plots."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..explanation import Explanation
from ..result.attribution import Attribution
from ..specs import axis_names
from .choice import choose

if TYPE_CHECKING:
    from .result import Output, Result

PREPROCESS: Mapping[Any, str] = {abs: "abs", np.abs: "abs", None: "none"}
CELL = (5.0, 3.6)  # inches of one picture among several


def plot(
    result: Result,
    data_idx: int | Sequence[int],
    output_idx: Any,
    output_label: Any,
    aggr_channels: Any,
    as_plotly: bool,
    same_scale: bool,
    show_preds: bool,
) -> Any:
    """Rows are samples, columns nodes and, within them, inputs."""
    samples = [int(i) for i in np.atleast_1d(data_idx)]
    columns = [
        (explanation(result, o), t, name)
        for o, t in nodes(result, output_idx, output_label)
        for name in _inputs(result, o)
    ]
    rows = len(next(iter(columns[0][0].attributions.values())).values)
    if wrong := [i for i in samples if not 0 <= i < rows]:
        raise InputError(f"data_idx {wrong}: the samples are 0 to {rows - 1}")
    if as_plotly:
        figures = [e.plot(i, t, n, _aggregate(aggr_channels), interactive=True) for i in samples for e, t, n in columns]
        return figures[0] if len(figures) == 1 else figures
    if len(samples) * len(columns) == 1 and show_preds:
        e, t, name = columns[0]
        return e.plot(samples[0], t, name, _aggregate(aggr_channels))
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(CELL[0] * len(columns), CELL[1] * len(samples)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(samples), len(columns), squeeze=False)
    for row, i in zip(axes, samples, strict=True):
        for ax, (e, t, name) in zip(row, columns, strict=True):
            e.plot(i, t, name, _aggregate(aggr_channels), ax=ax)
            if not show_preds:
                output = next(iter(e.predictions))
                ax.set_title(f"{output}: {e.target_labels[output][t]}, data_{i + 1}", loc="left")
        if same_scale:
            _one_scale(row)
    return figure


def plot_global(
    result: Result,
    output_idx: Any,
    output_label: Any,
    data_idx: Any,
    ref_data_idx: int | None,
    aggr_channels: Any,
    preprocess: Any,
    as_plotly: bool,
) -> Any:
    """One figure per node; a list where there are several."""
    if result.method == "ConnectionWeights" and not result.fields["times_input"]:
        raise InputError(
            "connection weights are the same for all samples: there is nothing to plot over them, use plot()"
        )
    _aggregate(aggr_channels)
    figures = []
    for o, t in nodes(result, output_idx, output_label):
        e = explanation(result, o)
        n = len(next(iter(e.attributions.values())).values)
        chosen = (
            range(n) if isinstance(data_idx, str) and data_idx == "all" else [int(i) for i in np.atleast_1d(data_idx)]
        )
        some = e if len(chosen) == n else _rows(e, chosen)
        mark = None if ref_data_idx is None else list(chosen).index(ref_data_idx) if ref_data_idx in chosen else None
        if ref_data_idx is not None and mark is None:
            raise InputError(f"ref_data_idx={ref_data_idx} is not among data_idx")
        how = PREPROCESS.get(preprocess, preprocess)
        figures.append(some.plot_global(t, mark, how, interactive=as_plotly))
    return figures[0] if len(figures) == 1 else figures


def nodes(result: Result, output_idx: Any, output_label: Any) -> list[tuple[Output, int]]:
    """The nodes to draw, (output, position among those explained); by default the first that was explained."""
    if output_idx is None and output_label is None:
        return [(result.asked[0], 0)]
    out = []
    for o, wanted in zip(result.outputs, choose(result.converter, output_idx, output_label), strict=True):
        for node in wanted or ():
            if o is None or node not in o.nodes:
                raise InputError(f"node {node} was not explained; output_idx of this result is {result.output_idx}")
            out.append((o, o.nodes.index(node)))
    return out


def explanation(result: Result, o: Output) -> Explanation:
    """Our explanation of one output; made of the bare numbers where autograd computed them."""
    if o.explanation is not None:
        return o.explanation
    name = f"Output_{o.number + 1}"
    labels = tuple(result.converter.output_names[o.number][i] for i in o.nodes)
    attributions = {}
    for k, (values, shape) in enumerate(zip(o.values, o.shapes, strict=True), 1):
        attributions[f"Input_{k}", name] = Attribution(
            values=np.zeros(shape) if values is None else values,
            dims=("sample", *axis_names(shape[1:-1]), "target"),
            labels={"target": labels},
            input=f"Input_{k}",
            output=name,
            connected=values is not None,
        )
    sums = sum(a.values.reshape(len(a.values), -1, len(labels)).sum(1) for a in attributions.values())
    nothing = np.full_like(sums, np.nan)
    units = np.broadcast_to(np.array(o.nodes), np.shape(sums))
    return Explanation(
        attributions=attributions,
        predictions={name: nothing if o.preds is None else o.preds},
        goals={name: nothing if o.goals is None else o.goals},
        sums={name: np.asarray(sums)},
        target_units={name: units},
        target_labels={name: labels},
        method=result.method,
        complete=False,
    )


def _inputs(result: Result, o: Output) -> list[str]:
    e = explanation(result, o)
    return list(dict.fromkeys(a.input for a in e.attributions.values()))


def _rows(e: Explanation, rows: Sequence[int]) -> Explanation:
    index = np.asarray(rows)

    def cut(a: Attribution) -> Attribution:
        labels = {**a.labels, "sample": tuple(a.labels["sample"][i] for i in rows)}
        return dataclasses.replace(
            a, values=a.values[index], labels=labels, data=None if a.data is None else a.data[index]
        )

    tables: dict[str, Any] = {
        f: {o: t[index] for o, t in getattr(e, f).items()} for f in ("predictions", "goals", "sums", "target_units")
    }
    return dataclasses.replace(e, attributions={k: cut(a) for k, a in e.attributions.items()}, **tables)


def _aggregate(how: Any) -> Any:
    if how not in ("sum", "mean", "norm"):
        raise InputError(f"aggr_channels={how!r}: it is 'sum', 'mean' or 'norm'")
    return how


def _one_scale(row: Sequence[Any]) -> None:
    """The same colours and the same length of bars in all pictures of a sample."""
    images = [image for ax in row for image in ax.images]
    if images:
        most = max(abs(v) for image in images for v in image.get_clim())
        for image in images:
            image.set_clim(-most, most)
    bars = [ax for ax in row if ax.patches]
    if bars:
        low, high = min(ax.get_xlim()[0] for ax in bars), max(ax.get_xlim()[1] for ax in bars)
        for ax in bars:
            ax.set_xlim(low, high)
