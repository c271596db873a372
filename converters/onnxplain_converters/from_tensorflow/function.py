"""Functions of TensorFlow's: one signature of them, traced, called by position, and converted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from .. import ConversionError
from ..common.data import Arrays, Input, as_array, outputs_of, unique
from ..common.quiet import first_line
from ..common.task import Task
from .graph import exported
from .names import renamed

DEFAULT = "serving_default"
TIPS = "What to try: a tf.function of the part that computes with numbers only"


@dataclass(frozen=True, eq=False)
class Traced:
    """A concrete function. `owner`: what keeps its variables alive."""

    name: str
    function: Any
    owner: Any = None

    def task(self, opset: int | None) -> Task:
        inputs = self.inputs()
        outputs = self.outputs()

        def export(wanted: Sequence[Input], arrays: Arrays) -> onnx.ModelProto:
            return renamed(exported(self._positional(wanted), [i.name for i in wanted], outputs, opset))

        return Task(self.name, inputs, outputs, self.predict, export, TIPS)

    def specs(self) -> list[Any]:
        """Of the tensors that it is given, in the order in which they are flattened."""
        import tensorflow as tf

        return [t for t in tf.nest.flatten(self.function.structured_input_signature) if isinstance(t, tf.TensorSpec)]

    def inputs(self) -> tuple[Input, ...]:
        found = self.specs()
        if open_ := [s.name for s in found if s.shape.rank is None]:
            raise ConversionError(
                f"the function's inputs {open_} have no number of axes: give its input_signature shapes"
            )
        if not found:
            raise ConversionError("the function takes no tensor")
        names = unique([s.name or "input" for s in found])
        return tuple(Input(n, tuple(s.shape.as_list()), _dtype(s.dtype)) for n, s in zip(names, found, strict=True))

    def outputs(self) -> tuple[str, ...]:
        """Keys of what it returns; an output that has none is "output"."""
        return unique([n for n, _ in outputs_of(self.function.structured_outputs)])

    def call(self, tensors: Sequence[Any]) -> list[Any]:
        import tensorflow as tf

        given = iter(tensors)
        args, kwargs = tf.nest.map_structure(
            lambda s: next(given) if isinstance(s, tf.TensorSpec) else s, self.function.structured_input_signature
        )
        return [t for _, t in outputs_of(self.function(*args, **kwargs))]

    def predict(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        import tensorflow as tf

        return [y.numpy() for y in self.call([tf.constant(x) for x in arrays])]

    def _positional(self, wanted: Sequence[Input]) -> Any:
        import tensorflow as tf

        @tf.function(input_signature=[tf.TensorSpec(i.shape, i.dtype, f"input_{k}") for k, i in enumerate(wanted)])
        def function(*tensors: Any) -> Any:
            return tuple(tf.identity(y) for y in self.call(tensors))

        return function.get_concrete_function()


def _dtype(dtype: Any) -> str:
    return "string" if dtype.name == "string" else str(dtype.name)


def signature_of(loaded: Any, wanted: str | None, what: str) -> Any:
    """The concrete function of a loaded SavedModel's signature."""
    found: Mapping[str, Any] = getattr(loaded, "signatures", {})
    names = [n for n in found if not n.startswith("__")]
    if wanted is None and DEFAULT not in names and len(names) > 1:
        raise ConversionError(f'{what} has the signatures {", ".join(names)}: choose one by options={{"signature": …}}')
    key = wanted or (DEFAULT if DEFAULT in names else next(iter(names), None))
    if key is None or key not in names:
        there = f"it has {', '.join(names)}" if names else "save it with tf.saved_model.save(…, signatures=…)"
        raise ConversionError(f"{what} has no signature{f' {wanted!r}' if wanted else ''}: {there}")
    return found[key]


def of_object(model: Any, signature: str | None) -> Any:
    """A tf.function or concrete function of an object: itself, one of a loaded SavedModel's, or what calls a module."""
    import tensorflow as tf

    if hasattr(model, "get_concrete_function") or hasattr(model, "structured_input_signature"):
        return model
    if signature is not None or getattr(model, "signatures", None):
        return signature_of(model, signature, f"this {type(model).__name__}")
    if callable(model):
        call = type(model).__call__
        return model.__call__ if hasattr(call, "get_concrete_function") else tf.function(model)
    raise ConversionError(f"this {type(model).__name__} is no function, module or SavedModel of TensorFlow's")


def concrete_of(function: Any, example: Any) -> Any:
    """The concrete function that is converted: by its input_signature, by the only one that was traced, or for the example
    with any number of samples."""
    if hasattr(function, "structured_input_signature"):
        return function
    if getattr(function, "input_signature", None) is not None:
        return function.get_concrete_function()
    traced = function._list_all_concrete_functions()
    if example is None:
        if len(traced) != 1:
            raise ConversionError(
                "what the function takes must be shown: give an example, or make it with tf.function(input_signature=…)"
            )
        return traced[0]
    return _for(function, example)


def _for(function: Any, example: Any) -> Any:
    """Several arguments are in a tuple or list; a mapping holds them by name."""
    import tensorflow as tf

    alone = not isinstance(example, (tuple, list)) or not all(hasattr(v, "shape") for v in example)
    by_name = isinstance(example, Mapping)
    arguments = dict(example) if by_name else {str(k): v for k, v in enumerate([example] if alone else example)}
    arrays = {n: as_array(v) for n, v in arguments.items()}
    first = next((len(x) for x in arrays.values() if x.ndim), None)
    refused: Exception | None = None
    for free in (True, False):
        specs = {
            n: tf.TensorSpec((None, *x.shape[1:]) if free and x.ndim and len(x) == first else x.shape, _of(x))
            for n, x in arrays.items()
        }
        try:
            return (
                function.get_concrete_function(**specs) if by_name else function.get_concrete_function(*specs.values())
            )
        except Exception as error:  # noqa: BLE001 — whatever the function's own code raises
            refused = refused or error
    assert refused is not None
    shapes = ", ".join(str(x.shape) for x in arrays.values())
    raise ConversionError(f"the function does not take the example ({shapes}): {first_line(refused)}") from refused


def _of(x: np.ndarray) -> Any:
    """float64, which numpy makes of everything, is TensorFlow's float32."""
    import tensorflow as tf

    return tf.string if x.dtype.kind == "O" else tf.float32 if x.dtype == np.float64 else tf.as_dtype(x.dtype)
