"""Converter: a model with innsight's names for what goes in and out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..api import load
from ..conventions.innsight import layer_class
from ..errors import ConverterError, InputError
from ..model import Model
from ..specs import Spec, axis_names

DTYPES = {"float": "float32", "double": "float64"}
LETTERS = {1: ("X",), 2: ("C", "L"), 3: ("C", "H", "W")}

Names = list[list[str]]


@dataclass(frozen=True, eq=False, repr=False)
class Converter:
    """`input_dim`: a size per input, channels first, without the sample axis. `input_names`: for each input the names
    along each axis; `output_names`: of each output's nodes. `model_as_list`: the dict of layers, if there was one and
    it was to be kept."""

    source: Any
    input_dim: list[tuple[int, ...]]
    input_names: list[Names]
    output_dim: list[tuple[int, ...]]
    output_names: list[list[str]]
    dtype: str = "float"
    model_as_list: Mapping[str, Any] | None = None
    loaded: dict[tuple[str, bool], Model] = field(default_factory=dict)

    @property
    def model(self) -> Model:
        """The model in the converter's own precision."""
        return self.at(self.dtype)

    def at(self, dtype: str, channels_first: bool = True) -> Model:
        """The model in this precision. Only a dict of layers leaves open how Flatten runs: as the data lie."""
        key = checked_dtype(dtype), channels_first or not isinstance(self.source, Mapping)
        if key not in self.loaded:
            self.loaded[key] = self._named(_load(self.source, self.input_dim, *key))
        return self.loaded[key]

    def _named(self, model: Model) -> Model:
        inputs = {}
        for (n, spec), names in zip(model.inputs.items(), self.input_names, strict=True):
            axes = axis_names(spec.sample_shape, spec.axes)
            order = [*names[1:], names[0]] if channels_last(spec) else names
            inputs[n] = replace(spec, labels=dict(zip(axes, map(tuple, order), strict=True)))
        labels = {o: tuple(names) for o, names in zip(model.outputs, self.output_names, strict=True)}
        return replace(model, inputs=inputs, labels=labels)

    def __repr__(self) -> str:
        return f"Converter({self.model!r})"

    def __str__(self) -> str:
        rows = [(n.name, layer_class(n) or n.op) for n in self.model.graph_with((), merged=False).nodes]
        lines = ["Converter (innsight)"]
        for k, (dim, names) in enumerate(zip(self.input_dim, self.input_names, strict=True), 1):
            lines += [f"  Input_{k}: {dim}", *(f"    {_shortened(axis)}" for axis in names)]
        for k, (dim, out) in enumerate(zip(self.output_dim, self.output_names, strict=True), 1):
            lines += [f"  Output_{k}: {dim}", f"    {_shortened(out)}"]
        lines.append(f"  model_as_list: {'included' if self.model_as_list is not None else 'not included'}")
        return "\n".join([*lines, "  layers:", *(f"    {name}: {what}" for name, what in rows)])


def convert(
    model: Any,
    input_dim: Any = None,
    input_names: Any = None,
    output_names: Any = None,
    dtype: str = "float",
    save_model_as_list: bool = False,
) -> Converter:
    """A `Converter` for whatever `onnxplain.load` takes, or a dict of layers with innsight's keys.

    `input_dim`: needed where the model's sizes are free; else it is compared. `input_names`, `output_names`: names
    along the axes and of the output nodes, a list where there is one, a list of lists otherwise.
    """
    given = None if input_dim is None else _sizes(input_dim)
    loaded = _load(model, given, checked_dtype(dtype), True)
    dims = [
        _dim(spec, None if given is None else given[k] if k < len(given) else None)
        for k, spec in enumerate(loaded.inputs.values())
    ]
    if given is not None and given != dims:
        raise InputError(f"input_dim={input_dim!r} does not fit: the model's inputs have sizes {dims} (channels first)")
    out_dims = [_output_dim(loaded, o, dims) for o in loaded.outputs]
    stored_inputs = [_stored(spec, dim) for spec, dim in zip(loaded.inputs.values(), dims, strict=True)]
    names_in = [_axes(n, dim) for n, dim in zip(_per_value(input_names, len(dims), "input_names"), dims, strict=True)]
    names_out = [
        _flat(n, dim) for n, dim in zip(_per_value(output_names, len(out_dims), "output_names"), out_dims, strict=True)
    ]
    known = loaded.labels
    conv = Converter(
        source=model,
        input_dim=dims,
        input_names=[a or b or _default_names(d) for a, b, d in zip(names_in, stored_inputs, dims, strict=True)],
        output_dim=out_dims,
        output_names=[
            n or list(known.get(o, ())) or [f"Y{i + 1}" for i in range(d[0])]
            for n, o, d in zip(names_out, loaded.outputs, out_dims, strict=True)
        ],
        dtype=dtype,
        model_as_list=model if save_model_as_list and isinstance(model, Mapping) else None,
    )
    conv.loaded[checked_dtype(dtype), True] = conv._named(loaded)
    return conv


def checked_dtype(dtype: str) -> str:
    if dtype not in DTYPES:
        raise InputError(f"dtype={dtype!r}: it is 'float' or 'double'")
    return dtype


def channels_last(spec: Spec) -> bool:
    """Whether the model itself reads its channels last."""
    names = axis_names(spec.sample_shape, spec.axes)
    return len(names) > 1 and names[-1] == "channel"


def _load(source: Any, dims: Sequence[tuple[int, ...]] | None, dtype: str, channels_first: bool) -> Model:
    real = DTYPES[dtype]
    if isinstance(source, Model):
        if str(source.dtype).endswith(real):
            return source
        if source.source is None:
            raise InputError(
                f"{source!r} was loaded in {source.dtype} without its file: convert the file itself for dtype={dtype!r}"
            )
        return load(source.source, dtype=real, verify="never")
    if isinstance(source, Mapping) and "layers" in source:
        from onnxplain_converters import ConversionError
        from onnxplain_converters.from_layers.layer_dict import to_onnx

        try:
            # onnxruntime has no double convolutions to compare with: the float model is compared
            proto = to_onnx(source, channels_first=channels_first, dtype=real)
        except ConversionError as error:
            raise ConverterError(str(error)) from error
        return load(proto, dtype=real, verify="auto" if dtype == "float" else "never")
    example = tuple(np.zeros((1, *d), np.float32) for d in dims) if dims and hasattr(source, "parameters") else None
    return load(source, example=example[0] if example and len(example) == 1 else example, dtype=real)


def _sizes(given: Any) -> list[tuple[int, ...]]:
    if isinstance(given, (int, np.integer)):
        return [(int(given),)]
    many = any(isinstance(d, (list, tuple, np.ndarray)) for d in given)
    return [tuple(int(v) for v in np.ravel(d)) for d in given] if many else [tuple(int(v) for v in given)]


def _dim(spec: Spec, given: tuple[int, ...] | None) -> tuple[int, ...]:
    """Channels first; free axes are filled from what was given."""
    shape = spec.sample_shape
    if len(shape) not in LETTERS:
        raise InputError(
            f"input {spec.name!r} is {spec.described()}: innsight knows tables, series and images (1 to 3 axes)"
        )
    if channels_last(spec):
        shape = (shape[-1], *shape[:-1])
    if None in shape and (given is None or len(given) != len(shape)):
        raise InputError(f"input {spec.name!r} has free axes, {spec.described()}: give input_dim, channels first")
    return tuple(g if s is None else s for s, g in zip(shape, given or shape, strict=True))  # type: ignore[misc]


def _output_dim(model: Model, output: str, dims: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    shape = model.outputs[output].sample_shape
    if len(shape) != 1 or shape[0] is None:
        feeds = {}
        for (n, spec), d in zip(model.inputs.items(), dims, strict=True):
            feeds[n] = np.zeros((1, *((*d[1:], d[0]) if channels_last(spec) else d)), np.float32)
        shape = model.predict(feeds)[output].shape[1:]
    if len(shape) != 1:
        raise InputError(
            f"output {output!r} has {len(shape)} axes without the samples: innsight explains outputs with one"
        )
    return (int(shape[0] or 0),)


def _stored(spec: Spec, dim: tuple[int, ...]) -> Names | None:
    """The model's own labels, axes without any by their default names."""
    if not spec.labels:
        return None
    names = axis_names(spec.sample_shape, spec.axes)
    order = (names[-1], *names[:-1]) if channels_last(spec) else names
    return [list(spec.labels.get(a, d)) for a, d in zip(order, _default_names(dim), strict=True)]


def _default_names(dim: tuple[int, ...]) -> Names:
    return [[f"{letter}{i + 1}" for i in range(n)] for letter, n in zip(LETTERS[len(dim)], dim, strict=True)]


def _per_value(names: Any, n: int, what: str) -> list[Any]:
    """What was given for each of n inputs or outputs; for the only one it may stand alone."""
    if names is None:
        return [None] * n
    if n == 1:
        return [names]
    if isinstance(names, str) or len(names) != n:
        raise InputError(f"{what}={names!r}: give a list for each of {n}")
    return list(names)


def _axes(names: Any, dim: tuple[int, ...]) -> Names | None:
    if names is None:
        return None
    while len(names) == 1 and not isinstance(names[0], str) and len(dim) > 1 and len(names) != len(dim):
        names = names[0]
    axes = [list(map(str, names))] if isinstance(names[0], str) else [list(map(str, axis)) for axis in names]
    if tuple(len(axis) for axis in axes) != dim:
        raise InputError(f"input_names has {[len(a) for a in axes]} names for an input of size {dim} (channels first)")
    return axes


def _flat(names: Any, dim: tuple[int, ...]) -> list[str] | None:
    if names is None:
        return None
    while not isinstance(names, str) and len(names) == 1 and not isinstance(names[0], str):
        names = names[0]
    flat = [names] if isinstance(names, str) else list(map(str, names))
    if len(flat) != dim[0]:
        raise InputError(f"{len(flat)} output_names for an output of {dim[0]} nodes")
    return flat


def _shortened(names: Sequence[str], width: int = 90) -> str:
    text = ", ".join(names)
    return text if len(text) <= width else text[: width - 1] + "…"
