"""Files and folders that a command makes; every file appears whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import InputError


def make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {path}: {error.strerror or error}") from error


def save_figure(figure: Any, path: Path) -> None:
    write(path, lambda fresh: figure.savefig(fresh, dpi=120, bbox_inches="tight"))


def write(path: Path, into: Callable[[Path], Any]) -> None:
    """`path` as `into(temporary path)` makes it; on any error nothing is left."""
    from ..result.files import appearing

    with appearing(path) as fresh:
        into(fresh)
