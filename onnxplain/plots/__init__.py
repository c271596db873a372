"""Pictures and reports of an Explanation. Nothing here knows models, methods or torch; nothing is ever shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError

if TYPE_CHECKING:
    from ..explanation import Explanation


def plot(
    e: Explanation, sample: Any, target: Any, input: str | None, aggregate: str, interactive: bool, ax: Any
) -> Any:
    if not interactive:
        from .figure import plot as draw

        return draw(e, sample, target, input, aggregate, ax)
    if ax is not None:
        raise InputError("an interactive figure cannot be drawn into a matplotlib ax")
    from .interactive import plot as draw_interactive

    return draw_interactive(e, sample, target, input, aggregate)


def plot_global(e: Explanation, target: Any, reference: Any, preprocess: Any, interactive: bool) -> Any:
    if interactive:
        from .interactive import plot_global as draw
    else:
        from .overview import plot_global as draw
    return draw(e, target, reference, preprocess)


def report(e: Explanation, path: str | Path) -> None:
    from .report import report as write

    write(e, path)
