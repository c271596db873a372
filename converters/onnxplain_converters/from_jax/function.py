"""JAX functions, Flax, Equinox and Haiku models → ONNX, by jax2onnx.

A plain function is recognised once it is compiled, `jax.jit(f)`, also inside functools.partial(jax.jit(f), params); before, it
is anybody's. Arguments become inputs, keys of what is returned outputs, places in the model's pytree names of weights and nodes.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from .. import ConversionError, MissingPackage
from ..common.data import Arrays, Input
from ..common.quiet import first_line, quiet
from ..common.task import Task
from .call import Call, arrays_of, call_of
from .names import named
from .source import Source, source_of

OPSET = 20  # Gelu is an operator from here on
TIPS = (
    "What to try: give the part before or after what is refused, or write it with other functions of jax.numpy or jax.lax; give "
    "the arguments of Flax's pooling by keyword; write what depends on the number of samples so that it does not, such as one-hot sums for x[jnp.arange(n), i]"
)


def to_onnx(
    model: Any, example: Any = None, opset: int | None = None, by_sample: bool | None = None
) -> onnx.ModelProto:
    """`model`: a compiled function, functools.partial of one, an nnx or Equinox module, a linen module as (module, variables)
    or bound, or Haiku's (transformed, params) or (transformed, params, state).

    `example`: one argument, a tuple of them, or a mapping by argument name, with samples on axis 0. `by_sample`: whether the
    model is written for one sample without that axis; by default Equinox's modules are, if they take the example like this.
    """
    try:
        with quiet():
            importlib.import_module("jax2onnx")
    except ImportError as error:
        raise MissingPackage(f"{error}: JAX models are read with pip install 'onnxplain[jax]'") from error
    if example is None:
        raise ConversionError(
            "what a JAX function takes must be shown. Give an example, as in ox.load(model, example=jnp.ones((2, 4))): one "
            "or more samples, a tuple of arguments, or a dict by argument name"
        )
    with quiet():
        source = source_of(model)
        dtype = _dtype(source, example)
        with _precision(dtype == "float64"):
            call = call_of(example, source, dtype, by_sample)
            made = _task(source, call, dtype, opset).made(call.values)
    return made.proto()


def _task(source: Source, call: Call, dtype: str, opset: int | None) -> Task:
    import jax

    compiled = jax.jit(call.function)
    shown = arrays_of(call.inputs, call.values)
    try:
        outputs = tuple(jax.eval_shape(call.function, *shown))
    except Exception as error:  # whatever the model's own code raises
        shapes = ", ".join(f"{i.name} {x.shape}" for i, x in zip(call.inputs, shown, strict=True))
        raise ConversionError(f"{source.name} does not take the example ({shapes}): {first_line(error)}") from error

    def predict(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return [np.asarray(y) for y in compiled(*arrays).values()]

    def export(inputs: Sequence[Input], arrays: Arrays) -> onnx.ModelProto:
        return named(_rectified(_exported(call, inputs, outputs, dtype, opset or OPSET)), source.weights)

    return Task(source.name, call.inputs, outputs, predict, export, TIPS)


def _exported(call: Call, inputs: Sequence[Input], outputs: Sequence[str], dtype: str, opset: int) -> onnx.ModelProto:
    import jax
    import jax2onnx

    shapes = [jax.ShapeDtypeStruct(tuple("N" if s is None else s for s in i.shape), np.dtype(i.dtype)) for i in inputs]
    proto = jax2onnx.to_onnx(
        lambda *arrays: tuple(call.function(*arrays)[name] for name in outputs),
        shapes,
        opset=opset,
        enable_double_precision=dtype == "float64",
        input_names=[i.name for i in inputs],
        output_names=list(outputs),
    )
    if not isinstance(proto, onnx.ModelProto):
        raise ConversionError(f"jax2onnx made a {type(proto).__qualname__} and no model")
    return proto


def _rectified(proto: onnx.ModelProto) -> onnx.ModelProto:
    """max(x, 0) as Relu, which is what jax.nn.relu means; rules for rectifiers look for it. Changed in place."""
    stored = {t.name: numpy_helper.to_array(t) for t in proto.graph.initializer}
    zeros = {n for n, x in stored.items() if x.ndim <= 1 and x.size == 1 and x.dtype.kind == "f" and not x.any()}
    for node in proto.graph.node:
        others = [v for v in node.input if v not in zeros]
        if node.op_type == "Max" and len(node.input) == 2 and len(others) == 1:
            node.op_type = "Relu"
            node.input[:] = others
    return proto


def _dtype(source: Source, example: Any) -> str:
    """Of floating numbers: the weights' own, else double where the example is and JAX is set to it; half as single."""
    import jax

    config: Any = jax.config
    floats = [x for x in jax.tree_util.tree_leaves(source.weights) if str(getattr(x, "dtype", "")).startswith("float")]
    if floats:
        double = floats[0].dtype == np.float64 and (isinstance(floats[0], jax.Array) or config.jax_enable_x64)
    else:
        shown = jax.tree_util.tree_leaves(example)
        double = config.jax_enable_x64 and any(getattr(x, "dtype", None) == np.float64 for x in shown)
    return "float64" if double else "float32"


def _precision(double: bool) -> Any:
    """JAX set to single or double precision for a while."""
    import jax

    home: Any = jax if hasattr(jax, "enable_x64") else importlib.import_module("jax.experimental")
    return home.enable_x64(double)
