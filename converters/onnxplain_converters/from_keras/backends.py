"""A Keras model's call → ONNX, on the backend that Keras runs on.

On torch and JAX a model is saved, and loaded under TensorFlow in a process of its own: that graph is the simplest, and names
its layers. Where a class is the user's own, which that process does not know, or without TensorFlow, torch's exporter or
jax2onnx takes the model as it is.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnx

from .. import ConversionError, MissingPackage
from ..common.data import Arrays, Input
from ..common.quiet import first_line
from ..from_tensorflow.graph import converter, exported
from ..from_tensorflow.names import renamed, tagged
from ..from_torch import module as torch_module
from .call import Call

Exporter = Callable[[Call, Sequence[Input], Arrays, int | None], onnx.ModelProto]

OTHER = """
import sys
import onnx
from onnxplain_converters.from_keras.model import to_onnx
onnx.save(to_onnx(sys.argv[1], opset=int(sys.argv[3]) or None), sys.argv[2])
"""


def by_tensorflow(call: Call, inputs: Sequence[Input], arrays: Arrays, opset: int | None) -> onnx.ModelProto:
    converter(opset)
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec(i.shape, i.dtype, f"input_{k}") for k, i in enumerate(inputs)])
    def function(*tensors: Any) -> Any:
        return tuple(tf.identity(y) for y in call.apply(tensors))

    with tagged(call.model) as layers:
        traced = function.get_concrete_function()
    return renamed(exported(traced, [i.name for i in inputs], call.outputs, opset), layers)


def by_torch(call: Call, inputs: Sequence[Input], arrays: Arrays, opset: int | None) -> onnx.ModelProto:
    return _elsewhere_or(_by_torch_export, call, inputs, arrays, opset)


def by_jax(call: Call, inputs: Sequence[Input], arrays: Arrays, opset: int | None) -> onnx.ModelProto:
    return _elsewhere_or(_by_jax2onnx, call, inputs, arrays, opset)


def _elsewhere_or(
    own: Exporter, call: Call, inputs: Sequence[Input], arrays: Arrays, opset: int | None
) -> onnx.ModelProto:
    """Under TensorFlow, where that is there and the model is made of Keras's own layers; else by its own backend."""
    is_there = all(importlib.util.find_spec(p) for p in ("tensorflow", "tf2onnx"))
    layers = [type(layer) for layer in call.model._flatten_layers()]
    if not is_there or any(c.__module__.partition(".")[0] != "keras" or c.__name__ == "Lambda" for c in layers):
        return own(call, inputs, arrays, opset)
    return _elsewhere(call, opset)


def _elsewhere(call: Call, opset: int | None) -> onnx.ModelProto:
    """Saved here, converted in a process whose Keras runs on TensorFlow."""
    with tempfile.TemporaryDirectory() as folder:
        saved, made = Path(folder) / "model.keras", Path(folder) / "model.onnx"
        try:
            call.model.save(saved)
        except Exception as error:  # Keras's savers have no common error
            raise ConversionError(f"the model cannot be saved: {first_line(error)}") from error
        env = {**os.environ, "KERAS_BACKEND": "tensorflow", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        command = [sys.executable, "-c", OTHER, str(saved), str(made), str(opset or 0)]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.strip()] or ["it ended without a reason"]
            raise ConversionError(said[-1].partition("Error: ")[2] or said[-1])
        return onnx.load(made)


def _by_torch_export(call: Call, inputs: Sequence[Input], arrays: Arrays, opset: int | None) -> onnx.ModelProto:
    import torch

    class Named(torch.nn.Module):
        """The model, with its inputs and outputs by name."""

        def __init__(self) -> None:
            super().__init__()
            self.model = call.model

        def forward(self, **named: Any) -> dict[str, Any]:
            made = call.apply([named[i.name] for i in inputs])
            return dict(zip(call.outputs, made, strict=True))

    free = {i.name: 0 if i.free else None for i in inputs}
    return torch_module.to_onnx(Named(), {i.name: arrays[i.name] for i in inputs}, opset, batch_axis=free)


def _by_jax2onnx(call: Call, inputs: Sequence[Input], arrays: Arrays, opset: int | None) -> onnx.ModelProto:
    try:
        import jax
        import jax2onnx
    except ImportError as error:
        raise MissingPackage(
            'Keras models on JAX become ONNX by TensorFlow, or by jax2onnx: pip install "onnxplain[keras,jax]"'
        ) from error

    def symbolic(i: Input) -> Any:
        return jax.ShapeDtypeStruct(tuple("N" if k == 0 and s is None else s for k, s in enumerate(i.shape)), i.dtype)

    names = [i.name for i in inputs]
    proto = jax2onnx.to_onnx(
        lambda *tensors: tuple(call.apply(tensors)),
        inputs=[symbolic(i) for i in inputs],
        input_names=names,
        **({"opset": opset} if opset else {}),
    )
    for output, name in zip(proto.graph.output, call.outputs, strict=True):
        proto.graph.node.append(onnx.helper.make_node("Identity", [output.name], [name]))
        output.name = name
    return proto
