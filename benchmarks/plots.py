"""Plots of what was measured: ratios with their targets, and costs over sizes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .goals import GOALS
from .measured import Measured
from .table import NAMES, WHO

COLOURS = dict(
    zip(
        WHO,
        ("#0b6e4f", "#62b58f", "#d4b106", "#888888", "#e07a1f", "#3b6fb6", "#b03a8c", "#8c6d31", "#c0392b"),
        strict=True,
    )
)


def write(folder: Path, rows: Sequence[Measured]) -> list[Path]:
    import matplotlib

    matplotlib.use("Agg")
    made = []
    speed = [r for r in rows if r.part == "speed" and r.unit == "floors"]
    if speed:
        made.append(_ratios(folder / "speed.png", speed))
    for case in dict.fromkeys(r.case for r in rows if r.part == "scaling"):
        name = case.replace(", ", "-").replace(" ", "-")
        made.append(
            _scaling(folder / f"scaling-{name}.png", case, [r for r in rows if r.part == "scaling" and r.case == case])
        )
    return made


def _ratios(path: Path, rows: Sequence[Measured]) -> Path:
    """One line per case and method, a mark per library on a logarithmic axis, our target as a bar across the line."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.22 * len(rows)), layout="constrained")
    for i, r in enumerate(rows):
        goal = GOALS.get((r.case, r.method))
        if goal is not None and goal.limit is not None:
            axes.plot([goal.limit] * 2, [i - 0.4, i + 0.4], color="black", lw=1.5)
        for w, v in ((w, r.values[w]) for w in WHO if w in r.values):
            axes.plot([v.low, v.high], [i, i], color=COLOURS[w], lw=2, alpha=0.5)
            axes.plot(v.median, i, "o", color=COLOURS[w], ms=5)
    axes.set_xscale("log")
    axes.set_yticks(range(len(rows)), [f"{r.case} · {NAMES.get(r.method, r.method)}" for r in rows], fontsize=7)
    axes.invert_yaxis()
    axes.grid(axis="x", which="both", alpha=0.3)
    axes.set_xlabel("CPU time / one forward and backward pass of plain torch; black: target")
    for w in WHO:
        if any(w in r.values for r in rows):
            axes.plot([], [], "o", color=COLOURS[w], label=w)
    axes.legend(loc="lower right", fontsize=7)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path


def _scaling(path: Path, case: str, rows: Sequence[Measured]) -> Path:
    """A panel per method, a line per library: cost per unit of work over the size."""
    from matplotlib import pyplot as plt

    methods = list(dict.fromkeys(r.method for r in rows))
    figure, panels = plt.subplots(
        1, len(methods), figsize=(3 * len(methods), 3), sharey=True, squeeze=False, layout="constrained"
    )
    for axes, method in zip(panels[0], methods, strict=True):
        these = sorted((r for r in rows if r.method == method), key=lambda r: r.size or 0)
        for w in WHO:
            at = [(r.size, r.values[w]) for r in these if w in r.values]
            if at:
                sizes, spreads = [s for s, _ in at], [v for _, v in at]
                axes.plot(sizes, [v.median for v in spreads], "o-", color=COLOURS[w], ms=3, label=w)
                axes.fill_between(
                    sizes, [v.low for v in spreads], [v.high for v in spreads], color=COLOURS[w], alpha=0.2
                )
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_title(NAMES.get(method, method), fontsize=9)
        axes.set_xlabel(case)
        axes.grid(which="both", alpha=0.3)
    panels[0][0].set_ylabel(rows[0].unit)
    panels[0][-1].legend(fontsize=7)
    figure.savefig(path, dpi=120)
    plt.close(figure)
    return path
