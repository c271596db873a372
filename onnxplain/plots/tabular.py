"""Tables: one bar per feature; over many samples one box per feature."""

from __future__ import annotations

from typing import Any

import numpy as np

from .panel import Panel
from .style import INK, NEGATIVE, NORMAL, POSITIVE, SMALL, SOFT, number, plain, tidy

MOST = 15  # features shown one by one


def strongest(values: np.ndarray, most: int = MOST) -> np.ndarray:
    """Positions of the largest |values|, largest first; in their own order where equal."""
    size = np.nan_to_num(np.abs(values), nan=0.0)
    order = np.argsort(-size, kind="stable")
    return order if len(order) <= most + 1 else order[:most]


def bars(ax: Any, panel: Panel) -> None:
    """The strongest features, largest on top; what all the others add up to is the last bar."""
    v, shown = panel.values, strongest(panel.values)
    names = [feature(panel, i) for i in shown]
    lengths = [float(v[i]) for i in shown]
    rest = len(v) - len(shown)
    if rest:
        names.append(f"{rest} others")
        lengths.append(panel.total - float(np.sum(lengths)))
    at = np.arange(len(names))
    colors = [POSITIVE if x >= 0 else NEGATIVE for x in lengths]
    drawn = ax.barh(at, lengths, color=colors, height=0.7)
    if rest:
        drawn[-1].set_alpha(0.45)
    ax.axvline(0, color=SOFT, linewidth=0.8)
    ax.set_yticks(at, labels=names)
    ax.invert_yaxis()
    tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    for y, x in zip(at, lengths, strict=True):
        side = 4 if x >= 0 else -4
        ax.annotate(
            number(x), (x, y), (side, 0), textcoords="offset points", va="center", ha="left" if x >= 0 else "right",
            fontsize=SMALL, color=SOFT,
        )  # fmt: skip
    ax.margins(x=0.16)
    ax.set_xlabel("attribution", fontsize=NORMAL, color=SOFT)


def feature(panel: Panel, i: int) -> str:
    """A feature's label, with the input's value where it is known."""
    label = panel.labels[0][i]
    text = plain(label if isinstance(label, str) or not panel.axes[0] else f"{panel.axes[0]} {label}")
    if panel.data is None:
        return text
    value = panel.data[i]
    return f"{text} = {number(float(value)) if np.issubdtype(type(value), np.number) else plain(value, 12)}"


def boxes(ax: Any, values: np.ndarray, labels: tuple[Any, ...], axis: str, mark: np.ndarray | None, word: str) -> None:
    """values (sample, feature): quartiles, median, whiskers from 5 % to 95 %, the mean as a dot; `mark`: one sample."""
    shown = strongest(np.abs(values).mean(axis=0))
    low, q1, median, q3, high = np.quantile(values[:, shown], (0.05, 0.25, 0.5, 0.75, 0.95), axis=0)
    at = np.arange(len(shown))
    ax.hlines(at, low, high, color=SOFT, linewidth=1.0)
    ax.barh(at, q3 - q1, left=q1, height=0.62, color="#f4a582", edgecolor=SOFT, linewidth=0.8)
    ax.vlines(median, at - 0.31, at + 0.31, color=INK, linewidth=1.6, label="median")
    ax.plot(values[:, shown].mean(axis=0), at, "o", color="white", markeredgecolor=INK, markersize=4.5, label="mean")
    if mark is not None:
        ax.plot(mark[shown], at, "D", color=NEGATIVE, markersize=5, label="reference")
    ax.set_yticks(at, labels=[plain(v if isinstance(v := labels[i], str) else f"{axis} {v}") for i in shown])
    ax.invert_yaxis()
    tidy(ax, grid="x")
    ax.tick_params(axis="y", length=0)
    ax.legend(fontsize=SMALL, frameon=False, loc="lower right")
    rest = values.shape[1] - len(shown)
    ax.set_xlabel(word + (f" ({rest} weaker features not shown)" if rest else ""), fontsize=NORMAL, color=SOFT)
