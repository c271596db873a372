"""TensorFlow → ONNX by tf2onnx: SavedModels, `tf.function`s, `tf.Module`s, frozen graphs and TFLite files.

A SavedModel is called by its signature, whose names its inputs and outputs keep. A Keras model is from_keras's, which knows
its layers.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx

from .. import ConversionError
from ..common.quiet import first_line, quiet
from .frozen import frozen_graph
from .function import Traced, concrete_of, of_object, signature_of
from .graph import converter
from .lite import by_tflite

SAVED = "saved_model.pb"


def to_onnx(
    model: Any,
    example: Any = None,
    opset: int | None = None,
    signature: str | None = None,
    inputs: str | Sequence[str] | None = None,
    outputs: str | Sequence[str] | None = None,
) -> onnx.ModelProto:
    """`model`: a tf.function, concrete function, tf.Module or loaded SavedModel; a SavedModel's folder, a .tflite file, or a
    frozen graph in a .pb file.

    `example`: an array, several in a list or by input name; drawn from the shapes if left out, which a tf.function must have
    in its input_signature. `signature`: of a SavedModel's, where it has several. `inputs`, `outputs`: names of a frozen
    graph's operations, comma-separated or in a list; by default its placeholders, and what nothing reads.
    """
    with quiet():
        converter(opset)
        made = _task(model, example, opset, signature, _names(inputs), _names(outputs)).made(example)
    return made.proto()


def _task(
    model: Any,
    example: Any,
    opset: int | None,
    signature: str | None,
    inputs: list[str] | None,
    outputs: list[str] | None,
) -> Any:
    import tensorflow as tf

    path = Path(model) if isinstance(model, (str, Path)) else None
    if path is not None and path.suffix.lower() == ".tflite":
        return by_tflite(path, opset)
    if path is not None and path.is_file() and path.name != SAVED:
        return Traced(path.stem, frozen_graph(path, inputs, outputs)).task(opset)
    if inputs or outputs:
        raise ConversionError("inputs= and outputs= are for a frozen graph in a .pb file")
    if path is not None:
        folder = path if path.is_dir() else path.parent
        loaded = _loaded(tf, folder)
        return Traced(folder.name, signature_of(loaded, signature, str(folder)), loaded).task(opset)
    return Traced(type(model).__name__, concrete_of(of_object(model, signature), example), model).task(opset)


def _loaded(tf: Any, folder: Path) -> Any:
    try:
        return tf.saved_model.load(str(folder))
    except Exception as error:  # TensorFlow's readers have no common error
        raise ConversionError(f"{folder} cannot be read as a SavedModel: {first_line(error)}") from error


def _names(given: str | Sequence[str] | None) -> list[str] | None:
    """ "a,b" or a list of names."""
    names = given.split(",") if isinstance(given, str) else given
    return None if names is None else [n.strip().removesuffix(":0") for n in names]
