"""One sample and target as a matplotlib figure: a heading, and below it one panel per input."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.layout_engine import ConstrainedLayoutEngine

from ..errors import InputError
from ..result.select import pick_inputs, pick_sample, pick_target
from .image import image
from .panel import Panel, panel_of
from .series import parts, series
from .style import INK, LARGE, NORMAL, SOFT, Plot, number, plain
from .tabular import MOST, bars
from .text import text, token_lines

if TYPE_CHECKING:
    from ..explanation import Explanation

WIDTH = 8.0  # inches
LINE = 0.215  # inches of a heading's line

DRAW: Mapping[str, Callable[[Any, Panel], None]] = {"bars": bars, "text": text, "series": series, "image": image}


def plot(e: Explanation, sample: Any, target: Any, input: str | None, aggregate: str, ax: Any = None) -> Any:
    s, (output, t) = pick_sample(e, sample), pick_target(e, target)
    if ax is None:
        return figure_at(e, s, output, t, input, aggregate)
    panels, lines = prepared(e, s, output, t, input, aggregate)
    if len(panels) > 1:
        raise InputError(f"ax takes one input, name one of {', '.join(repr(p.name) for p in panels)}")
    draw(ax, panels[0])
    wrapped = [part for line in lines for part in textwrap.wrap(line, 62)]
    ax.set_title("\n".join(wrapped), fontsize=NORMAL, color=INK, loc="left", pad=18)
    return ax.figure


def figure_at(e: Explanation, s: int, output: str, t: int, input: str | None = None, aggregate: str = "sum") -> Plot:
    """The figure of sample `s` and target `t`, both by position."""
    panels, lines = prepared(e, s, output, t, input, aggregate)
    chosen = len(panels) > 1 or input is not None
    titles = [f"{plain(p.name)}   Σ {number(p.total)}" if chosen else "" for p in panels]
    return page(lines, [(height(p), title, drawer(p)) for p, title in zip(panels, titles, strict=True)])


def prepared(
    e: Explanation, s: int, output: str, t: int, input: str | None, aggregate: str
) -> tuple[list[Panel], list[str]]:
    """What to draw, and the heading: target; prediction, sum and goal; method."""
    return [panel_of(a, s, t, aggregate) for a in pick_inputs(e, input, output)], heading(e, s, output, t)


def heading(e: Explanation, sample: int, output: str, t: int) -> list[str]:
    label, units = e.target_labels[output][t], np.asarray(e.target_units[output])[:, t]
    unit = int(units[sample])
    # Where targets differ between samples (the predicted unit, say) the label alone doesn't say which one this is.
    which = f" (unit {unit})" if unit >= 0 and str(unit) != label and (units != unit).any() else ""
    numbers = [("prediction", e.predictions), ("sum", e.sums), ("goal", e.goals)]
    values = [(name, float(table[output][sample, t])) for name, table in numbers]
    facts = [f"{name} {number(value)}" for name, value in values if np.isfinite(value)]
    place = next(iter(e.attributions.values())).labels["sample"][sample]
    first = f"{plain(output, 40)} → {plain(label, 40)}{which}, sample {plain(place, 30)}"
    return [first, " · ".join(facts), *textwrap.wrap(plain(e.method, 220), 110)]


def drawer(panel: Panel) -> Callable[[Any], None]:
    return lambda ax: draw(ax, panel)


def draw(ax: Any, panel: Panel) -> None:
    if panel.connected:
        DRAW[panel.kind](ax, panel)
        return
    ax.set_axis_off()
    ax.text(0.5, 0.5, f"{plain(panel.name)} cannot reach this output", ha="center", va="center", color=SOFT,
            fontsize=NORMAL, transform=ax.transAxes)  # fmt: skip


def height(panel: Panel) -> float:
    """Inches a panel needs."""
    if not panel.connected:
        return 0.8
    if panel.kind == "bars":
        return 0.75 + 0.29 * min(len(panel.values), MOST + 1)
    if panel.kind == "text":
        return 0.6 + 0.34 * len(token_lines([str(t) for t in panel.labels[0]]))
    if panel.kind == "series":
        return sum(parts(panel).values()) + 0.14 * len(parts(panel)) + 0.6
    h, w = panel.values.shape
    share = 0.43 if panel.data is not None else 0.9
    return float(np.clip(WIDTH * share * h / max(w, 1), 1.2, 4.2)) + 0.45


def page(lines: Sequence[str], panels: Sequence[tuple[float, str, Callable[[Any], None]]]) -> Plot:
    """A heading above panels: (inches, title, what draws it)."""
    top = 0.2 + LINE * len(lines)
    inches = top + sum(h + (0.3 if title else 0.0) for h, title, _ in panels) + 0.1
    below = ConstrainedLayoutEngine(rect=(0.01, 0.01, 0.98, 1 - top / inches - 0.01), hspace=0.04)
    figure = Plot(figsize=(WIDTH, inches), layout=below, facecolor="white")
    FigureCanvasAgg(figure)
    for i, line in enumerate(lines):
        figure.text(
            0.02, 1 - (0.14 + LINE * i) / inches, line, va="top", color=SOFT if i else INK,
            fontsize=NORMAL if i else LARGE, fontweight="normal" if i else "bold",
        )  # fmt: skip
    # One sub-figure per panel: long labels of one do not push the others to the right.
    rows = figure.subfigures(len(panels), 1, squeeze=False, height_ratios=[h for h, _, _ in panels])[:, 0]
    for row, (_, title, fill) in zip(rows, panels, strict=True):
        ax = row.subplots()
        fill(ax)
        if title:
            row.suptitle(title, x=0.012, ha="left", fontsize=NORMAL, color=INK, fontweight="bold")
    return figure
