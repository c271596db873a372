"""Images: the input, and the attribution laid over a faded copy of it."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.cm import ScalarMappable

from .panel import Panel
from .style import NORMAL, SIGNED, SIZES, SOFT, colorbar, extent, plain

CLIP = 0.998  # the scale ends at this quantile of |attribution|: a few extreme pixels would hide all others
FEW = 1000  # fewer pixels than this are all within the scale


def image(ax: Any, panel: Panel) -> None:
    ax.set_axis_off()
    if panel.data is None:
        overlay(ax.inset_axes((0.0, 0.0, 0.9, 1.0)), panel.values, None, panel.note)
        return
    left, right = ax.inset_axes((0.0, 0.0, 0.43, 1.0)), ax.inset_axes((0.47, 0.0, 0.43, 1.0))
    bare(left, plain(panel.name))
    left.imshow(panel.data, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    overlay(right, panel.values, panel.data, panel.note)


def overlay(ax: Any, values: np.ndarray, picture: np.ndarray | None, note: str = "", signed: bool = True) -> None:
    """Colour says sign and size, strong relevance covers the grey picture behind it, weak relevance lets it through."""
    scale = extent(values, CLIP if values.size >= FEW else 1.0)
    share = np.clip(np.nan_to_num(values) / scale, -1, 1)
    bare(ax, "attribution" + (f" ({note})" if note else ""))
    opacity = None
    if picture is not None:
        grey = picture if picture.ndim == 2 else picture @ np.array([0.299, 0.587, 0.114])
        ax.imshow(0.55 + 0.45 * grey, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        opacity = np.clip(np.abs(share) * 1.6, 0.0, 1.0) ** 0.7
    colors, low = (SIGNED, -scale) if signed else (SIZES, 0.0)
    shown = ax.imshow(share * scale, cmap=colors, vmin=low, vmax=scale, alpha=opacity, interpolation="nearest")
    finite = np.abs(values[np.isfinite(values)])
    # A bar drawn from the map itself would take its opacity.
    colorbar(
        ax, ScalarMappable(shown.norm, shown.cmap), "", clipped=bool(finite.size and finite.max() > scale * (1 + 1e-9))
    )


def bare(ax: Any, title: str) -> None:
    """A picture without ticks under a small title."""
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_color("#bbbbbb")
        spine.set_linewidth(0.6)
    ax.set_title(title, fontsize=NORMAL, color=SOFT, pad=5)
