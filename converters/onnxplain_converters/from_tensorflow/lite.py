"""TFLite files → ONNX by tf2onnx; predictions by TensorFlow's interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from .. import ConversionError
from ..common.data import Arrays, Input, unique
from ..common.quiet import first_line
from ..common.task import Task
from .graph import OPSET, converter, known
from .names import renamed
from .operators import HANDLERS

TIPS = "What to try: the model that the file was made from, as a SavedModel or .keras file"


def by_tflite(path: Path, opset: int | None) -> Task:
    """The file's one subgraph, with its inputs in the interpreter's order. Sizes that are 1 because the writer knew no
    number of samples are free again where the interpreter agrees."""
    import tensorflow as tf

    try:
        interpreter = tf.lite.Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    except Exception as error:  # the interpreter's own
        raise ConversionError(f"{path} cannot be read as a TFLite model: {first_line(error)}") from error
    given, made = interpreter.get_input_details(), interpreter.get_output_details()
    called = _signature(interpreter)
    names = unique([called.get(d["index"], d["name"]) for d in given])
    outputs = unique([called.get(d["index"], d["name"]) for d in made])
    inputs = tuple(
        Input(n, tuple(None if s < 0 else int(s) for s in _shape(d)), np.dtype(d["dtype"]).name)
        for n, d in zip(names, given, strict=True)
    )

    def predict(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        for d, x in zip(given, arrays, strict=True):
            interpreter.resize_tensor_input(d["index"], x.shape)
        interpreter.allocate_tensors()
        for d, x in zip(given, arrays, strict=True):
            interpreter.set_tensor(d["index"], x)
        interpreter.invoke()
        return [interpreter.get_tensor(d["index"]).copy() for d in made]

    def export(wanted: Sequence[Input], arrays: Arrays) -> onnx.ModelProto:
        converted = converter(opset).convert.from_tflite(
            str(path), opset=opset or OPSET, custom_op_handlers=dict(HANDLERS)
        )[0]
        return renamed(_ends(known(converted), given, made, wanted, outputs))

    return Task(path.stem, inputs, outputs, predict, export, TIPS)


def _shape(detail: Any) -> Any:
    signed = detail["shape_signature"]
    return signed if len(signed) else detail["shape"]


def _signature(interpreter: Any) -> dict[int, str]:
    """What the file's only signature calls its tensors, by their number."""
    keys = list(interpreter.get_signature_list())
    if len(keys) != 1:
        return {}
    runner = interpreter.get_signature_runner(keys[0])
    details = {**runner.get_input_details(), **runner.get_output_details()}
    return {d["index"]: name for name, d in details.items()}


def _ends(
    proto: onnx.ModelProto, given: Any, made: Any, inputs: Sequence[Input], outputs: Sequence[str]
) -> onnx.ModelProto:
    """`proto` with these names for its inputs and outputs, which have the file's own."""
    names = {d["name"]: i.name for d, i in zip(given, inputs, strict=True)}
    names |= {d["name"]: n for d, n in zip(made, outputs, strict=True)}
    for v in (*proto.graph.input, *proto.graph.output):
        v.name = names.get(v.name, v.name)
    for node in proto.graph.node:
        node.input[:] = [names.get(v, v) for v in node.input]
        node.output[:] = [names.get(v, v) for v in node.output]
    return proto
