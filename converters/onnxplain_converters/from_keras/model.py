"""Keras 3 models → ONNX: Sequential, functional, nested and subclassed ones and single layers, on any backend.

By tf2onnx, or by the exporters of the other backends. Names of input layers become inputs, of output layers outputs, of
layers nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx

from .. import ConversionError
from ..common.quiet import quiet
from ..common.task import Task
from .backends import by_jax, by_tensorflow, by_torch
from .call import Call, call_of
from .source import source_of

TIPS = (
    "What to try: give the part of the model before or after what is refused, as in keras.Model(model.input, "
    "model.get_layer(…).output); write the layer with keras.ops"
)
BACKENDS = {"tensorflow": by_tensorflow, "torch": by_torch, "jax": by_jax}


def to_onnx(
    model: Any,
    example: Any = None,
    opset: int | None = None,
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
) -> onnx.ModelProto:
    """`model`: a Keras model or layer, or a .keras, .h5 or .hdf5 file of one.

    `example`: an array, several in a list or by input name; drawn from the inputs' shapes if left out, which subclassed
    models have only once they were called. `custom_objects`: classes that a file names, as for `keras.saving.load_model`.
    `trust`: a Lambda layer's code in a file may run.
    """
    with quiet():
        source = source_of(model, custom_objects, trust)
        import keras

        backend = keras.backend.backend()
        if backend not in BACKENDS:
            raise ConversionError(
                f"Keras runs on {backend} here: set KERAS_BACKEND to one of {', '.join(BACKENDS)} before Keras is imported"
            )
        call = call_of(source, example)
        task = _task(call, backend, opset)
        made = task.made(example if call.example is None else call.example)
    return made.proto()


def _task(call: Call, backend: str, opset: int | None) -> Task:
    half = {getattr(v, "compute_dtype", "float32") for v in call.model._flatten_layers()} & {"float16", "bfloat16"}
    tips = f"It computes in {half.pop()}: build it with the dtype policy float32. {TIPS}" if half else TIPS
    return Task(
        call.model.name,
        call.inputs,
        call.outputs,
        call.predict,
        lambda inputs, arrays: BACKENDS[backend](call, inputs, arrays, opset),
        tips,
    )
