"""Frameworks that print while they are imported and while they export: silenced, their reasons are in the errors."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings, prints or logs, of TensorFlow's C++ part neither, which writes to the process's own stderr."""
    disabled, level = logging.root.manager.disable, os.environ.get("TF_CPP_MIN_LOG_LEVEL")
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = level or "3"
    logging.disable(logging.CRITICAL)
    try:
        with (
            _without_stderr(),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(disabled)
        if level is None:
            del os.environ["TF_CPP_MIN_LOG_LEVEL"]


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    try:
        kept = os.dup(2)
    except OSError:  # a process without one
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def first_line(error: BaseException) -> str:
    """What went wrong, from the error that started it, in at most two lines' worth of plain text."""
    while (deeper := error.__cause__) is not None:
        error = deeper
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if lines[:1] == ["in user code:"]:  # TensorFlow's: a traceback, and the reason last
        lines = lines[-1:]
    said = " ".join(lines[:2]) if len(next(iter(lines), "")) <= 60 else lines[0]
    said = said or type(error).__name__
    return said if len(said) <= 300 else said[:299] + "…"
