"""ONNX → ONNX: read with its external data, checked, brought to another opset on request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnx

from . import ConversionError


def to_onnx(model: onnx.ModelProto | str | Path, example: Any = None, opset: int | None = None) -> onnx.ModelProto:
    """A checked copy of the model, all weights inside. `example` is not needed."""
    try:
        proto = onnx.load(model) if isinstance(model, (str, Path)) else model
        onnx.checker.check_model(proto)
        return proto if opset is None else onnx.version_converter.convert_version(proto, opset)
    except OSError as e:
        raise ConversionError(f"{model} cannot be read: {e.strerror or e}") from e
    except Exception as e:  # protobuf, the checker and the version converter each raise their own kinds
        raise ConversionError(f"not a valid ONNX model: {str(e).strip().splitlines()[0]}") from e
