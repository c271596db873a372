"""All samples of an explanation at once: boxes for tables, mean maps for series and images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..result.attribution import Attribution
from ..result.select import pick_inputs, pick_sample, pick_target
from .figure import height, page
from .image import overlay
from .panel import Panel, channel_axis, kind_of, panel
from .series import heat, spread
from .style import NORMAL, SOFT, Plot, plain
from .tabular import MOST, boxes

if TYPE_CHECKING:
    from ..explanation import Explanation

PREPROCESS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {"abs": np.abs, "square": np.square, "none": np.asarray}
WORDS = {"abs": "|attribution|", "square": "attribution²", "none": "attribution"}


def preprocessed(values: np.ndarray, how: Any) -> tuple[np.ndarray, str]:
    """Values after `how` and what to call them."""
    if callable(how):
        changed = np.asarray(how(values))
        if changed.shape != values.shape:
            raise InputError(f"preprocess must keep the shape {values.shape}, it made {changed.shape}")
        return changed, f"{getattr(how, '__name__', 'function')}(attribution)"
    if how not in PREPROCESS:
        raise InputError(f"preprocess is a function or one of {', '.join(map(repr, PREPROCESS))}, got {how!r}")
    return PREPROCESS[how](values), WORDS[how]


def plot_global(e: Explanation, target: Any, reference: Any, preprocess: Any) -> Plot:
    mark = None if reference is None else pick_sample(e, reference)
    return overview_at(e, *pick_target(e, target), mark, preprocess)


def overview_at(e: Explanation, output: str, t: int, mark: int | None = None, preprocess: Any = "abs") -> Plot:
    """The figure of target `t` with sample `mark` marked, both by position."""
    parts, word = [], ""
    inputs = pick_inputs(e, None, output)
    for a in inputs:
        values, word = preprocessed(a.values[..., t], preprocess)
        title = plain(a.input) if len(inputs) > 1 else ""
        parts.append((_height(a, values), title, _drawer(a, values, mark, word)))
    label = e.target_labels[output][t]
    about = f"{len(values)} samples, {word}" + ("" if mark is None else f", reference: sample {mark}")
    return page([f"{plain(output, 40)} → {plain(label, 40)}", about, plain(e.method, 110)], parts)


def mean_panel(a: Attribution, values: np.ndarray) -> Panel:
    """The picture of the mean over samples; an image's channels are summed."""
    return panel(a, values.mean(axis=0), None, "sum")


def _height(a: Attribution, values: np.ndarray) -> float:
    match kind_of(a):
        case "image":
            return 3.9
        case "series":
            return 0.3 + height(mean_panel(a, values))
    return 1.05 + 0.29 * min(values[:1].size, MOST + 1)


def _drawer(a: Attribution, values: np.ndarray, mark: int | None, word: str) -> Callable[[Any], None]:
    def fill(ax: Any) -> None:
        if not a.connected:
            ax.set_axis_off()
            ax.text(0.5, 0.5, f"{plain(a.input)} cannot reach this output", ha="center", color=SOFT)
            return
        kind = kind_of(a)
        (_series if kind == "series" else _image if kind == "image" else _boxes)(ax, a, values, mark, word)

    return fill


def _boxes(ax: Any, a: Attribution, values: np.ndarray, mark: int | None, word: str) -> None:
    flat = values.reshape(len(values), -1)
    p = mean_panel(a, values)
    boxes(ax, flat, p.labels[0], p.axes[0], None if mark is None else flat[mark], word)


def _series(ax: Any, a: Attribution, values: np.ndarray, mark: int | None, word: str) -> None:
    mean = mean_panel(a, values)
    channels = channel_axis(a.dims[1:-1], values.shape[1:]) if values.ndim == 3 else None
    flows = values if channels is None else values.sum(axis=channels + 1)
    ax.set_axis_off()
    many = len(mean.values) > 1
    upper = ax.inset_axes((0.0, 0.56 if many else 0.0, 0.94, 0.44 if many else 1.0))
    low, high = np.quantile(flows, (0.05, 0.95), axis=0)
    spread(upper, low, flows.mean(axis=0), high, None if mark is None else flows[mark])
    upper.set_xlim(-0.5, flows.shape[1] - 0.5)
    upper.set_ylabel(word, fontsize=NORMAL, color=SOFT)
    lower = upper
    if many:
        lower = ax.inset_axes((0.0, 0.0, 0.94, 0.48))
        heat(lower, mean.values, mean.labels[0], mean.labels[1], signed=bool((mean.values < 0).any()))
        upper.tick_params(axis="x", labelbottom=False)
    lower.set_xlabel(plain(mean.axes[1]), fontsize=NORMAL, color=SOFT)


def _image(ax: Any, a: Attribution, values: np.ndarray, mark: int | None, word: str) -> None:
    ax.set_axis_off()
    maps = [(f"mean {word}", mean_panel(a, values).values)]
    if mark is not None:
        maps.append((f"{word} of sample {mark}", panel(a, values[mark], None, "sum").values))
    for i, (title, v) in enumerate(maps):
        part = ax.inset_axes((0.52 * i, 0.0, 0.39 if mark is not None else 0.9, 1.0))
        overlay(part, v, None, signed=bool((v < 0).any()))
        part.set_title(title, fontsize=NORMAL, color=SOFT, pad=5)
