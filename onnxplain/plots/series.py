"""Series: the signal, the attribution along it, and, with several channels, a heat map of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from .panel import Panel
from .style import (
    INK,
    LINES,
    NEGATIVE,
    NORMAL,
    POSITIVE,
    SIGNED,
    SIZES,
    SMALL,
    SOFT,
    colorbar,
    extent,
    named,
    plain,
    tidy,
)

MOST_LINES = len(LINES)  # channels drawn as lines; with more of them the heat map has to do


def parts(panel: Panel) -> dict[str, float]:
    """The rows of the picture, from the top, and their heights in inches."""
    channels = len(panel.values)
    rows = {"signal": 1.2} if panel.data is not None and channels <= MOST_LINES else {}
    rows |= {"flow": 1.2}
    return rows | ({"heat": min(max(0.24 * channels, 0.9), 3.6)} if channels > 1 else {})


def series(ax: Any, panel: Panel) -> None:
    rows, n = parts(panel), panel.values.shape[1]
    ax.set_axis_off()
    gap = 0.14
    total = sum(rows.values()) + gap * (len(rows) - 1)
    top = 1.0
    drawn = {}
    for name, inches in rows.items():
        height = inches / total
        drawn[name] = ax.inset_axes((0.0, top - height, 0.94, height))
        top -= height + gap / total
    if "signal" in rows:
        _signal(drawn["signal"], panel)
    _flow(drawn["flow"], panel)
    if "heat" in rows:
        heat(drawn["heat"], panel.values, panel.labels[0], panel.labels[1])
        drawn["heat"].set_ylabel(plain(panel.axes[0]), fontsize=SMALL, color=SOFT)
    for part in drawn.values():
        part.set_xlim(-0.5, n - 0.5)
        named(part.xaxis, panel.labels[1], 12)
        part.tick_params(axis="x", labelbottom=part is drawn[list(rows)[-1]])
    part.set_xlabel(plain(panel.axes[1]), fontsize=NORMAL, color=SOFT)


def _signal(ax: Any, panel: Panel) -> None:
    assert panel.data is not None
    for row, label, color in zip(panel.data, panel.labels[0], LINES, strict=False):
        ax.plot(np.arange(len(row)), row, color=color, linewidth=1.2, label=plain(label, 16))
    tidy(ax)
    ax.set_ylabel("input", fontsize=SMALL, color=SOFT)
    if len(panel.data) > 1:
        ax.legend(fontsize=SMALL - 1, frameon=False, ncols=min(len(panel.data), 8), loc="lower left",
                  bbox_to_anchor=(0, 0.97), borderaxespad=0, handlelength=1.2)  # fmt: skip


def _flow(ax: Any, panel: Panel) -> None:
    """The channels as one: area above and below zero."""
    v = panel.values.sum(axis=0) if panel.flow is None else panel.flow
    edges = np.arange(len(v) + 1) - 0.5
    ax.stairs(np.maximum(v, 0), edges, fill=True, color=POSITIVE)
    ax.stairs(np.minimum(v, 0), edges, fill=True, color=NEGATIVE)
    ax.axhline(0, color=SOFT, linewidth=0.8)
    tidy(ax)
    ax.set_ylabel("attribution", fontsize=SMALL, color=SOFT)


def heat(ax: Any, values: np.ndarray, rows: tuple[Any, ...], columns: tuple[Any, ...], signed: bool = True) -> None:
    """A heat map of (row, column) with labelled rows and columns and a colour bar."""
    scale = extent(values)
    image = ax.imshow(
        values, aspect="auto", interpolation="nearest", cmap=SIGNED if signed else SIZES,
        vmin=-scale if signed else 0, vmax=scale,
    )  # fmt: skip
    tidy(ax)
    named(ax.yaxis, rows, 16)
    named(ax.xaxis, columns, 12)
    colorbar(ax, image, "")


def spread(ax: Any, low: np.ndarray, middle: np.ndarray, high: np.ndarray, mark: np.ndarray | None) -> None:
    """Along a series, over many samples: the mean as a line, 5 % to 95 % as a band; `mark`: one sample."""
    x = np.arange(len(middle))
    ax.fill_between(x, low, high, color="#f4a582", alpha=0.5, linewidth=0, label="5 – 95 %")
    ax.plot(x, middle, color=INK, linewidth=1.4, label="mean")
    if mark is not None:
        ax.plot(x, mark, color=NEGATIVE, linewidth=1.1, label="reference")
    tidy(ax)
    ax.legend(fontsize=SMALL, frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 0.98), borderaxespad=0)
