"""Optional packages: imported where they are used, or an error that names the extra to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from ..errors import MissingDependencyError


def optional(module: str) -> ModuleType | None:
    """The imported module, None where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError:
        return None


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """The imported module; `MissingDependencyError` naming the extra where it is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingDependencyError(
            f'{purpose} needs {package}, which cannot be imported ({error}): pip install "onnxplain[{extra}]"'
        ) from error
