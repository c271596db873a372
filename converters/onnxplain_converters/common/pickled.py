"""Pickles of models, .pkl and .joblib: reading one runs code from the file, so only where that is said to be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import ConversionError, MissingPackage


def read(path: str | Path, trust: bool) -> Any:
    if not trust:
        raise ConversionError(
            f"{path} holds a pickled object, and reading it runs code from the file. If you trust where it comes from, "
            'say so: options={"trust": True}, on the command line --option trust=True'
        )
    try:
        import joblib
    except ImportError as error:
        raise MissingPackage(f'{path} is read by joblib: pip install "onnxplain[sklearn]"') from error
    try:
        return joblib.load(path)
    except (AttributeError, ImportError) as error:
        raise ConversionError(
            f"{path} names what cannot be imported here ({error}): install or import it first"
        ) from error
    except Exception as error:  # a pickle's code raises whatever it likes
        raise ConversionError(f"{path} cannot be read as a pickle: {str(error).partition(chr(10))[0]}") from error
