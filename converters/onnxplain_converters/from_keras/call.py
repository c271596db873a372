"""How a Keras model is called: the names, shapes and order of what it takes and gives, functional or not."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ConversionError
from ..common.data import Input, as_array, leaves, outputs_of, packed, unique
from ..common.quiet import first_line


@dataclass(frozen=True, eq=False)
class Call:
    """`structure`: the arguments, with anything but None for a tensor. `example`: of the user's, flat, if the model itself
    does not say what it takes."""

    model: Any
    structure: tuple[Any, ...]
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    example: Any = None

    def apply(self, tensors: Sequence[Any]) -> list[Any]:
        """The model's outputs for tensors of its backend."""
        return applied(self.model, self.structure, tensors)

    def predict(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        import keras

        tensors = [keras.ops.convert_to_tensor(x) for x in arrays]
        return [np.asarray(keras.ops.convert_to_numpy(y)) for y in self.apply(tensors)]


def applied(model: Any, structure: tuple[Any, ...], tensors: Sequence[Any]) -> list[Any]:
    y = model(*packed(structure, iter(tensors)), training=False)
    return [t for _, t in outputs_of(y)]


def call_of(model: Any, example: Any) -> Call:
    """A functional model says what it takes; of any other the example does, or the shapes it was built with."""
    codes = _codes(model)
    if getattr(model, "inputs", None):
        import keras

        structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input
        tensors = [t for _, t in leaves(structure)]
        names = unique([t._keras_history.operation.name for t in tensors])
        # a Sequential model that was called before it knew its input keeps that call's number of samples
        inputs = [Input(n, (None, *t.shape[1:]), str(t.dtype), codes) for n, t in zip(names, tensors, strict=True)]
        given = model.outputs if isinstance(model, keras.Sequential) else model.output
        outputs = given if isinstance(given, Mapping) else {}
        made = [n for n, _ in leaves(outputs)] or [t._keras_history.operation.name for _, t in leaves(given)]
        return Call(model, (structure,), tuple(inputs), unique(made))
    structure, inputs, flat = _shown(model, example, codes) if example is not None else _built(model, codes)
    import keras

    made_up = [keras.ops.convert_to_tensor(x) for x in (flat or _zeros(inputs))]
    try:
        y = model(*packed(structure, iter(made_up)), training=False)
    except Exception as error:  # whatever the model's own code raises
        shapes = ", ".join(map(str, inputs))
        raise ConversionError(f"{model.name} does not take {shapes}: {first_line(error)}") from error
    return Call(model, structure, tuple(inputs), unique([n for n, _ in outputs_of(y)]), flat or None)


def _shown(model: Any, example: Any, codes: int | None) -> tuple[tuple[Any, ...], list[Input], list[np.ndarray]]:
    """Structure, inputs and flat example; several arguments are in a tuple, or in a dict by their names."""
    needed = _arguments(model)
    if len(needed) > 1 and isinstance(example, Mapping) and set(example) <= set(needed):
        arguments: tuple[Any, ...] = tuple(example[n] for n in needed if n in example)
    else:
        arguments = tuple(example) if len(needed) > 1 and isinstance(example, tuple) else (example,)
    names = [*needed, *(f"input_{k}" for k in range(len(needed), len(arguments)))]
    found = [
        (n or argument, as_array(x))
        for argument, value in zip(names, arguments, strict=False)
        for n, x in leaves(value, "" if len(arguments) == 1 and isinstance(value, Mapping) else argument)
    ]
    floating = str(getattr(model, "input_dtype", None) or "float32")
    flat = [x.astype(floating) if x.dtype.kind == "f" else x for _, x in found]
    first = next((len(x) for x in flat if x.ndim), None)
    shapes = [((None, *x.shape[1:]) if x.ndim and len(x) == first else x.shape) for x in flat]
    inputs = [
        Input(n, s, str(x.dtype), codes) for n, s, x in zip(unique([n for n, _ in found]), shapes, flat, strict=True)
    ]
    return arguments, inputs, flat


def _built(model: Any, codes: int | None) -> tuple[tuple[Any, ...], list[Input], list[np.ndarray]]:
    """The same of a model that was called, or loaded from a file that says with which shapes it was built."""
    config = model.get_build_config() or {} if model.built else {}
    shapes = config.get("shapes_dict") or {"inputs": config.get("input_shape")}
    if any(s is None for s in shapes.values()):
        raise ConversionError(
            f"what {model.name} takes must be shown, as it is no functional model and was not called yet: give an example, as in "
            "ox.load(model, example=x)"
        )
    dtype = str(getattr(model, "input_dtype", None) or "float32")
    floating = dtype if codes is None else "int32"
    names = [_arguments(model)[0] if n == "inputs" else n.removesuffix("_shape") for n in shapes]
    found = [
        (name, shape)
        for n, value in zip(names, shapes.values(), strict=True)
        for name, shape in _shapes(value, "" if isinstance(value, Mapping) and len(shapes) == 1 else n)
    ]
    inputs = [
        Input(n, (None, *s[1:]), floating, codes)
        for n, (_, s) in zip(unique([n for n, _ in found]), found, strict=True)
    ]
    return tuple(_hollow(s) for s in shapes.values()), inputs, []


def _is_shape(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(s is None or isinstance(s, int) for s in value)


def _shapes(value: Any, name: str) -> Iterator[tuple[str, Sequence[Any]]]:
    if _is_shape(value):
        yield name, value
    elif isinstance(value, Mapping):
        for k in sorted(value):
            yield from _shapes(value[k], f"{name}.{k}" if name else str(k))
    else:
        for k, v in enumerate(value):
            yield from _shapes(v, f"{name}_{k}" if k else name)


def _hollow(value: Any) -> Any:
    """The structure whose leaves are shapes, with a 0 for each."""
    if _is_shape(value):
        return 0
    if isinstance(value, Mapping):
        return {k: _hollow(v) for k, v in value.items()}
    return [_hollow(v) for v in value]


def _zeros(inputs: Sequence[Input]) -> list[np.ndarray]:
    return [np.zeros([2 if k == 0 else s or 8 for k, s in enumerate(i.shape)], i.dtype) for i in inputs]


def _arguments(model: Any) -> list[str]:
    """The tensors that `call` must be given, by name."""
    takes = inspect.signature(model.call).parameters.values()
    named = [p for p in takes if p.kind is p.POSITIONAL_OR_KEYWORD and p.name not in ("training", "mask")]
    return [p.name for p in named if p.default is p.empty] or [p.name for p in named[:1]] or ["inputs"]


def _codes(model: Any) -> int | None:
    """How many codes the smallest table of the model's has, if it has any."""
    sizes = [layer.input_dim for layer in model._flatten_layers() if type(layer).__name__ == "Embedding"] + [
        layer.num_tokens for layer in model._flatten_layers() if type(layer).__name__ == "CategoryEncoding"
    ]
    return min(sizes) if sizes else None
