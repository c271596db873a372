"""The grids as the paper draws them: seconds on a logarithmic axis over the size, a panel per method, a row per kind of data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from ..measured import Measured
from .tables import WHO, kind_of

COLOURS = dict(zip(WHO, ("#0b6e4f", "#e07a1f", "#3b6fb6", "#b03a8c", "#8c6d31", "#555555"), strict=True))


def write(folder: Path, rows: Sequence[Measured]) -> list[Path]:
    import matplotlib

    matplotlib.use("Agg")
    factors = dict.fromkeys(r.case.partition(", ")[0] for r in rows)
    return [_factor(folder / f"paper-{f}.png", f, [r for r in rows if r.case.partition(", ")[0] == f]) for f in factors]


def _factor(path: Path, factor: str, rows: Sequence[Measured]) -> Path:
    from matplotlib import pyplot as plt

    kinds = list(dict.fromkeys(map(kind_of, rows)))
    methods = [m for m in dict.fromkeys(r.method for r in rows) if m != "convert"]
    size = (2.1 * len(methods), 2.4 * len(kinds) + 0.5)
    figure, panels = plt.subplots(len(kinds), len(methods), figsize=size, sharex="row", sharey="row", squeeze=False)
    for line, kind in zip(panels, kinds, strict=True):
        for axes, method in zip(line, methods, strict=True):
            these = [r for r in rows if r.method == method and kind_of(r) == kind]
            for w in WHO:
                at = sorted(((r.size or 0, r.values[w]) for r in these if w in r.values), key=lambda pair: pair[0])
                if at:
                    axes.plot([s for s, _ in at], [v.median for _, v in at], "o-", ms=2, lw=1.2, color=COLOURS[w])
            axes.set_yscale("log")
            axes.grid(which="both", alpha=0.25)
            if kind == kinds[0]:
                axes.set_title(method, fontsize=8)
        line[0].set_ylabel(f"{kind}, CPU seconds")
    for axes in panels[-1]:
        axes.set_xlabel(factor, fontsize=8)
    there = [w for w in WHO if any(w in r.values for r in rows)]
    figure.legend(
        [plt.Line2D([], [], color=COLOURS[w], marker="o") for w in there], there, loc="lower center", ncols=len(there)
    )
    figure.tight_layout(rect=(0, 0.06, 1, 1))
    figure.savefig(path, dpi=100)
    plt.close(figure)
    with Image.open(path) as drawn:  # few colours: a quarter of the size, and pages show these
        drawn.convert("RGB").quantize(128, method=Image.Quantize.FASTOCTREE).save(path, optimize=True)
    return path
