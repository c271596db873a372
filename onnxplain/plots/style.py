"""The look of every plot: colours, numbers as text, axes without clutter. Nothing global is read or changed."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

POSITIVE, NEGATIVE = "#b2182b", "#2166ac"  # the ends of ColorBrewer's RdBu, safe for colour-blind readers
INK, SOFT, FAINT = "#222222", "#666666", "#d9d9d9"
SIGNED = LinearSegmentedColormap.from_list(
    "signed", ["#0b3c75", NEGATIVE, "#67a9cf", "#d1e5f0", "#fbfbfb", "#fddbc7", "#ef8a62", POSITIVE, "#6b0018"]
)
SIZES = LinearSegmentedColormap.from_list("sizes", ["#fbfbfb", "#fddbc7", "#ef8a62", POSITIVE, "#6b0018"])
LINES = ("#4d4d4d", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#0072b2", "#d55e00", "#8c6d31")  # Okabe and Ito
SMALL, NORMAL, LARGE = 8.5, 10.0, 12.5


class Plot(Figure):
    """A figure that belongs to nobody: it is in no list of open windows, and a notebook shows it as a picture."""

    def _repr_png_(self) -> bytes:
        return png(self)


def png(figure: Figure, dpi: int = 110) -> bytes:
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi)
    return out.getvalue()


def number(x: float) -> str:
    """Four significant digits, with a minus sign as long as the plus."""
    return f"{x:.4g}".replace("-", "−")


def plain(text: object, limit: int = 34) -> str:
    """A label on one line, not too long, in which matplotlib sees no formula."""
    line = " ".join(str(text).split())
    line = line if len(line) <= limit else f"{line[: limit - 1]}…"
    return line.replace("$", r"\$")


def extent(values: np.ndarray, quantile: float = 1.0) -> float:
    """The end of a symmetric scale: the largest |value|, or a quantile of them where that is not 0; never 0."""
    size = np.abs(values[np.isfinite(values)])
    if not size.size:
        return 1.0
    return float(np.quantile(size, quantile)) or float(size.max()) or 1.0


def tidy(ax: Any, grid: str | None = None) -> None:
    """Only the lines that carry meaning."""
    ax.spines[["top", "right"]].set_visible(False)
    for side in ("left", "bottom"):
        ax.spines[side].set_color(FAINT)
    ax.tick_params(colors=SOFT, labelcolor=INK, labelsize=SMALL, length=3)
    if grid:
        ax.grid(axis=grid, color=FAINT, linewidth=0.6, alpha=0.7)
        ax.set_axisbelow(True)


def named(axis: Any, labels: Any, most: int = 24) -> None:
    """Labels for places 0 … n-1 of a matplotlib axis: all of them if they are few, else every k-th."""
    step = max(1, -(-len(labels) // most))
    at = list(range(0, len(labels), step))
    axis.set_ticks(at, labels=[plain(labels[i], 18) for i in at])


def colorbar(ax: Any, image: Any, label: str, clipped: bool = False) -> None:
    """A thin bar right of `ax`, as high as `ax`; arrows at its ends where the scale is clipped."""
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.025, 0.0, 0.03, 1.0)), extend="both" if clipped else "neither")
    bar.set_label(label, size=SMALL, color=SOFT)
    bar.outline.set_visible(False)
    bar.ax.tick_params(labelsize=SMALL, colors=SOFT, length=2)
