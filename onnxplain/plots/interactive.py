"""The same panels as plotly figures: zoom, and every number under the pointer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..result.optional import require
from ..result.select import pick_inputs, pick_sample, pick_target
from .figure import prepared
from .overview import mean_panel, preprocessed
from .panel import Panel, kind_of, panel
from .style import NEGATIVE, POSITIVE, SIGNED, SIZES, extent
from .tabular import MOST, feature, strongest

if TYPE_CHECKING:
    from ..explanation import Explanation

ROW = 420  # pixels per input


def plot(e: Explanation, sample: Any, target: Any, input: str | None, aggregate: str) -> Any:
    go = require("plotly.graph_objects", "plotly", "an interactive plot")
    panels, lines = prepared(e, pick_sample(e, sample), *pick_target(e, target), input, aggregate)
    figure = _rows(panels, lines)
    for row, p in enumerate(panels, 1):
        if not p.connected:
            continue
        if p.kind in ("bars", "text"):
            _bars(go, figure, p, row)
        else:
            _map(go, figure, p, row, 2 if p.kind == "image" and p.data is not None else 1, _limits(p.values, True))
    return figure


def plot_global(e: Explanation, target: Any, reference: Any, preprocess: Any) -> Any:
    go = require("plotly.graph_objects", "plotly", "an interactive plot")
    output, t = pick_target(e, target)
    mark = None if reference is None else pick_sample(e, reference)
    inputs = pick_inputs(e, None, output)
    changed = [preprocessed(a.values[..., t], preprocess) for a in inputs]
    panels = [mean_panel(a, values) for a, (values, _) in zip(inputs, changed, strict=True)]
    head = f"{output} → {e.target_labels[output][t]}"
    figure = _rows(panels, [head, f"{len(changed[0][0])} samples, {changed[0][1]}", e.method])
    for row, (a, p, (values, _)) in enumerate(zip(inputs, panels, changed, strict=True), 1):
        if kind_of(a) in ("bars", "text"):
            _boxes(go, figure, p, values.reshape(len(values), -1), mark, row)
        else:
            one = None if mark is None or p.kind != "image" else panel(a, values[mark], None, "sum")
            shown = p.values if one is None else np.stack([p.values, one.values])
            limits = _limits(shown, signed=bool((shown < 0).any()))
            _map(go, figure, p, row, 1, limits)
            if one is not None:
                _map(go, figure, one, row, 2, limits)
    return figure


def _rows(panels: Sequence[Panel], lines: Sequence[str]) -> Any:
    subplots = require("plotly.subplots", "plotly", "an interactive plot")
    titles = []
    for p in panels:
        name = _text(p.name) if p.connected else f"{_text(p.name)} cannot reach this output"
        titles += [name, "attribution"] if p.kind == "image" and p.data is not None else [name]
        titles += [""] if p.kind == "image" and p.data is None else []
    figure = subplots.make_subplots(
        rows=len(panels),
        cols=2,
        specs=[[{}, {}] if p.kind == "image" else [{"colspan": 2}, None] for p in panels],
        subplot_titles=titles,
    )
    title = f"<b>{_text(lines[0])}</b><br><sup>{'<br>'.join(_text(line) for line in lines[1:])}</sup>"
    figure.update_layout(
        title=title, template="plotly_white", height=ROW * len(panels) + 120, showlegend=False, margin={"t": 150}
    )
    return figure


def _text(text: object) -> str:
    """plotly reads a few HTML tags in titles; names are no tags. The dollar is no formula."""
    return str(text).replace(r"\$", "$").replace("&", "&amp;").replace("<", "&lt;").replace("$", "&#36;")


def _bars(go: Any, figure: Any, p: Panel, row: int) -> None:
    shown = strongest(p.values, MOST)[::-1] if p.kind == "bars" else np.arange(len(p.values))[::-1]
    names = [_text(feature(p, i) if p.kind == "bars" else p.labels[0][i]) for i in shown]
    lengths = p.values[shown]
    colors = [POSITIVE if x >= 0 else NEGATIVE for x in lengths]
    # Positions, not names, on the axis: names may repeat.
    at = list(range(len(shown)))
    hover = "%{customdata}<br>%{x:.6g}<extra></extra>"
    bar = go.Bar(x=lengths.tolist(), y=at, orientation="h", marker_color=colors, customdata=names, hovertemplate=hover)
    figure.add_trace(bar, row=row, col=1)
    figure.update_yaxes(tickvals=at, ticktext=names, row=row, col=1)
    figure.update_xaxes(title_text="attribution", row=row, col=1)


def _boxes(go: Any, figure: Any, p: Panel, values: np.ndarray, mark: int | None, row: int) -> None:
    shown = strongest(np.abs(values).mean(axis=0))[::-1]
    names = [_text(feature(p, i)) for i in shown]
    # Quantiles, not the samples: the figure stays small for any number of them.
    low, q1, median, q3, high = np.quantile(values[:, shown], (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    box = go.Box(
        y=list(range(len(shown))), lowerfence=low, q1=q1, median=median, q3=q3, upperfence=high,
        mean=values[:, shown].mean(axis=0), orientation="h", marker_color=POSITIVE, name="",
    )  # fmt: skip
    figure.add_trace(box, row=row, col=1)
    if mark is not None:
        dots = go.Scatter(
            x=values[mark, shown], y=list(range(len(shown))), mode="markers", name=f"sample {mark}",
            marker={"symbol": "diamond", "color": NEGATIVE, "size": 9},
        )  # fmt: skip
        figure.add_trace(dots, row=row, col=1)
    figure.update_yaxes(tickvals=list(range(len(shown))), ticktext=names, row=row, col=1)


def _limits(values: np.ndarray, signed: bool) -> dict[str, Any]:
    """A symmetric scale, or one from 0, and its colours."""
    scale = extent(values)
    return {"zmin": -scale if signed else 0, "zmax": scale, "colorscale": _colors(SIGNED if signed else SIZES)}


def _map(go: Any, figure: Any, p: Panel, row: int, column: int, limits: dict[str, Any]) -> None:
    """A heat map in one cell; an image's own picture in the cell before it."""
    where = {"row": row, "col": column}
    if p.kind == "image" and p.data is not None:
        grey = np.repeat(p.data[..., None], 3, axis=2) if p.data.ndim == 2 else p.data
        figure.add_trace(go.Image(z=(255 * grey).astype(np.uint8), hoverinfo="skip"), row=row, col=1)
    low, high = figure.get_subplot(row, column).yaxis.domain
    hover = f"{_text(p.axes[0])} %{{y}}<br>{_text(p.axes[1])} %{{x}}<br>%{{z:.6g}}"
    known = p.kind == "series" and p.data is not None
    heat = go.Heatmap(
        z=p.values, x=_places(p, 1), y=_places(p, 0), **limits,
        colorbar={"y": (low + high) / 2, "len": high - low, "thickness": 14, "outlinewidth": 0},
        customdata=p.data if known else None,
        hovertemplate=f"{hover}{'<br>input %{customdata:.6g}' if known else ''}<extra></extra>",
    )  # fmt: skip
    figure.add_trace(heat, **where)
    figure.update_yaxes(autorange="reversed", **where)
    if p.kind == "image":
        figure.update_yaxes(scaleanchor=_axis(figure, row, column), constrain="domain", **where)
        figure.update_xaxes(constrain="domain", **where)


def _axis(figure: Any, row: int, column: int) -> str:
    """plotly's name of a cell's x axis."""
    return str(figure.get_subplot(row, column).xaxis.plotly_name).replace("axis", "")


def _places(p: Panel, axis: int) -> list[Any] | None:
    """An axis' labels where they are different texts; otherwise plotly counts."""
    labels = p.labels[axis]
    texts = [_text(v) for v in labels]
    return texts if all(isinstance(v, str) for v in labels) and len(set(texts)) == len(texts) else None


def _colors(colors: Any) -> list[list[Any]]:
    steps = np.linspace(0, 1, 11)
    return [[float(x), f"rgb{tuple(int(255 * c) for c in colors(x)[:3])}"] for x in steps]
