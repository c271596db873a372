"""Texts: tokens in reading order, each on the colour of its attribution."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from .panel import Panel
from .style import FAINT, INK, NORMAL, SIGNED, SMALL, SOFT, extent, number, plain

LINE = 88  # characters of the monospaced font in a line of text


def text(ax: Any, panel: Panel) -> None:
    """Tokens on the colour of their attribution, in lines that break as text does."""
    scale = extent(panel.values)
    rows = token_lines([str(t) for t in panel.labels[0]])
    ax.set(xlim=(-0.6, LINE), ylim=(len(rows) + 0.7, 0))
    ax.set_axis_off()
    scale_bar(ax, scale, 0.5 / (len(rows) + 0.7) / 2)
    for y, row in enumerate(rows):
        for i, x, token in row:
            share = float(np.nan_to_num(panel.values[i])) / scale
            ax.text(
                x, y + 0.5, plain(token, LINE), fontsize=NORMAL, va="center", family="monospace",
                color="white" if abs(share) > 0.62 else INK,
                bbox={"fc": SIGNED((share + 1) / 2), "ec": FAINT, "boxstyle": "round,pad=0.25", "lw": 0.5},
            )  # fmt: skip


def scale_bar(ax: Any, scale: float, thickness: float) -> None:
    """A small horizontal colour bar below the text."""
    colors = ScalarMappable(Normalize(-scale, scale), SIGNED)
    bar = ax.figure.colorbar(colors, cax=ax.inset_axes((0.72, 0.02, 0.25, thickness)), orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_ticks([-scale, 0, scale], labels=[number(-scale), "0", number(scale)])
    bar.ax.tick_params(labelsize=SMALL, colors=SOFT, length=0)


def token_lines(tokens: list[str]) -> list[list[tuple[int, float, str]]]:
    """Tokens broken into lines: (position, where it starts, text)."""
    lines: list[list[tuple[int, float, str]]] = [[]]
    x = 0.0
    for i, token in enumerate(tokens):
        clean = " ".join(token.split()) or "␣"
        if x and x + len(clean) > LINE:
            lines.append([])
            x = 0.0
        lines[-1].append((i, x, clean))
        x += len(clean) + 1.5
    return lines
