"""A framework's model → ONNX on the way in: by the suffix of a file, or by the class of an object."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from .errors import ConverterError, InputError, MissingDependencyError


def as_onnx(
    source: Any, example: Any = None, options: Mapping[str, Any] | None = None, batch_axis: Any = None
) -> Any:
    """What `read` takes: `source` itself, or the ONNX model of one that another framework made.

    `options` are the converter's own; of torch's, `batch_axis` is one where it is a number. Raises `ConverterError`, `MissingDependencyError`.
    """
    if is_converted(source):
        if isinstance(batch_axis, int) and not isinstance(batch_axis, bool) and _of_torch(source):
            options = {"batch_axis": batch_axis, **(options or {})}
        return converted(source, {"example": example, **(options or {})})
    if options and not (isinstance(source, (str, os.PathLike)) and not os.path.exists(source)):
        raise InputError(
            f"options={dict(options)!r} are for converting a framework's model; this is none that is converted"
        )
    return source


def is_converted(source: Any) -> bool:
    """Whether it is a framework's model, which becomes ONNX first."""
    from onnxplain_converters import framework_of

    is_path = isinstance(source, (str, os.PathLike))
    key = framework_of(Path(source) if is_path else source)
    if key in (None, "onnx"):
        return False
    return not is_path or os.path.exists(source)


def _of_torch(source: Any) -> bool:
    from onnxplain_converters import framework_of

    return framework_of(Path(source) if isinstance(source, (str, os.PathLike)) else source) == "torch"


def takes_arrays(source: Any) -> bool:
    """Whether it is a function of arrays, as those that JAX compiled: methods that only call a model can call it."""
    function = source.func if isinstance(source, partial) else source
    return type(function).__module__.partition(".")[0] == "jaxlib"


def converted(source: Any, options: Mapping[str, Any]) -> Any:
    """The `onnx.ModelProto` of a framework's model, with this library's errors."""
    import onnxplain_converters as converters

    try:
        return converters.to_onnx(source, **options)
    except converters.MissingPackage as error:
        raise MissingDependencyError(str(error)) from error
    except converters.ConversionError as error:
        raise ConverterError(str(error)) from error
