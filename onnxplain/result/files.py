"""Files appear whole or not at all: written under a temporary name beside the target, then moved."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import InputError

#: What a folder must hold (or be empty) to be taken for a zarr store that may be replaced.
ZARR_MARKS = ("zarr.json", ".zgroup", ".zattrs")


@contextmanager
def appearing(path: Path) -> Iterator[Path]:
    """A temporary path to write a file or folder at; on success it becomes `path`, on any error nothing is left."""
    if path.is_dir() and any(path.iterdir()) and not any((path / mark).exists() for mark in ZARR_MARKS):
        raise InputError(f"{path} is a folder with other things in it; it is not replaced")
    try:
        box = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        fresh = box / path.name
        yield fresh
        _move(fresh, path, box / "old")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error}") from error
    finally:
        shutil.rmtree(box, ignore_errors=True)


def _move(fresh: Path, path: Path, aside: Path) -> None:
    """A file is replaced at once; a folder has to step aside first, and steps back if the new one cannot come."""
    if not path.is_dir():
        os.replace(fresh, path)
        return
    os.replace(path, aside)
    try:
        os.replace(fresh, path)
    except OSError:
        os.replace(aside, path)
        raise
