"""Predictors on one onnxruntime session: of a file with any operators, and of a loaded model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from google.protobuf.message import EncodeError

from ..data import prepare
from ..errors import InputError, ModelError
from ..frontend.read import read_file
from ..frontend.runtime import is_half, session, whole
from ..frontend.strings import codes
from ..frontend.types import infer_types, value_type
from ..graph.plan import Forward
from ..methods.chunks import measure
from ..model import Model
from ..sources import as_onnx
from ..specs import Spec, batch_axes, input_labels, labels_for, make_spec, named_axes, stored_labels
from .predictor import Arrays, Predictor, read_arrays

if TYPE_CHECKING:
    from onnx import ModelProto

#: rows of one forward pass of a model whose need is known
ROWS = 4096
#: onnxruntime's names for numpy's types; what is missing has the same name
TYPES: dict[str, type] = {"float": np.float32, "double": np.float64, "float16": np.float16, "bfloat16": np.float32}


def from_file(
    source: Any, name: str, outputs: Sequence[str] | None, batch_axis: Any, of_inputs: Any, of_outputs: Any
) -> Predictor:
    """An ONNX file that onnxruntime can open; raises `ModelError` where it cannot."""
    file = read_file(as_onnx(source))
    proto = file.proto
    types = {**infer_types(proto), **{v.name: value_type(v) for v in (*proto.graph.input, *proto.graph.output)}}
    try:
        runtime = session(whole(file))
    except (ValueError, EncodeError) as error:
        raise ModelError(f"{name} is too large for one onnxruntime session made from memory: {error}") from error
    except Exception as error:  # onnxruntime's errors have no common base
        raise ModelError(f"onnxruntime cannot open {name}: {str(error).splitlines()[0]}") from error
    ins, outs = [i.name for i in runtime.get_inputs()], [o.name for o in runtime.get_outputs()]
    if unknown := [o for o in outputs or () if o not in outs]:
        raise InputError(f"{name} has no outputs {unknown}; it has {outs}")
    outs = list(outputs) if outputs else outs
    metadata = {m.key: m.value for m in proto.metadata_props}
    classes = _classes(proto)
    given = labels_for(of_outputs, outs, "output_labels") or stored_labels(metadata, "output_labels") or {}
    unit_names = {**classes, **given}
    feature_names = labels_for(of_inputs, ins, "input_labels") or stored_labels(metadata, "input_labels") or {}
    axes = batch_axes(list(ins), list(outs), types, batch_axis)
    layout = stored_labels(metadata, "axes") or {}
    specs = {n: named_axes(make_spec(n, types.get(n), axes[n]), layout.get(n), batch_axis is not None) for n in ins}
    specs = {n: replace(s, labels=input_labels(feature_names.get(n), n, s.sample_shape, s.axes)) for n, s in specs.items()}
    double = all(i.type == "tensor(double)" for i in runtime.get_inputs() if specs[i.name].floating)
    return Predictor(
        name=name,
        inputs=specs,
        forward=partial(_run, runtime, outs, classes),
        read=partial(read_arrays, dtype=torch.float64 if double else torch.float32),
        axes={o: axes[o] for o in outs},
        labels={o: tuple(map(str, found)) for o, found in unit_names.items() if o in outs},
        fixed=_fixed(specs),
    )


def from_model(model: Model, data: Any) -> Predictor:
    """A loaded model, on onnxruntime where that computes it as the model does: in the same precision, on the CPU."""
    runtime, feeds = _runtime(model), prepare(model.inputs, data, model.dtype, model.device)
    predictor = Predictor(
        name=model.name,
        inputs=model.inputs,
        forward=partial(_here, model) if runtime is None else partial(_run, runtime, list(model.outputs), {}),
        read=partial(read_arrays, dtype=model.dtype),
        axes={o: s.batch_axis for o, s in model.outputs.items()},
        labels=model.labels,
        dtype=np.float64 if model.dtype == torch.float64 else np.float32,
        need=_need(model, feeds),
        most=ROWS,
        fixed=model.fixed_rows,
    )
    if runtime is not None:
        read = predictor.read(model.inputs, data, "data")
        first = {n: x if n in predictor.held else _row(model, n, x) for n, x in read.items()}
        try:
            predictor.outputs(first)
        except Exception:  # noqa: BLE001 — whatever onnxruntime raises on these data, the model itself may run them
            return replace(predictor, forward=partial(_here, model))
    return predictor


def _row(model: Model, name: str, x: np.ndarray) -> np.ndarray:
    return x[None] if model.inputs[name].batch_axis is None else x[:1]


def _runtime(model: Model) -> Any:
    if model.source is None or model.device.type != "cpu" or is_half(model.source):
        return None
    try:
        runtime = session(model.source)
    except Exception:  # noqa: BLE001 — as above
        return None
    wanted = "tensor(double)" if model.dtype == torch.float64 else "tensor(float)"
    floating = [i.type for i in runtime.get_inputs() if model.inputs[i.name].floating]
    return runtime if all(t == wanted for t in floating) and (floating or model.dtype == torch.float32) else None


def _need(model: Model, feeds: Mapping[str, torch.Tensor]) -> int:
    """Bytes of all values for one row."""
    rows = model.fixed_rows or 1
    plan = Forward(model.graph, model.graph.inputs, model.graph.outputs, None)
    native = {}
    for n, x in feeds.items():
        axis = model.inputs[n].batch_axis
        native[n] = x if axis is None else x[torch.arange(rows) % len(x)].movedim(0, axis)
    with torch.inference_mode():
        return measure(plan.run(native), [], rows, 1).row


def _fixed(specs: Mapping[str, Spec]) -> int | None:
    counts = {n: s.fixed_batch for n, s in specs.items() if s.fixed_batch is not None}
    if len(set(counts.values())) > 1:
        raise InputError(f"the inputs insist on different numbers of samples {counts}: say which axis holds them with batch_axis=")
    return next(iter(counts.values()), None)


def _classes(proto: ModelProto) -> dict[str, list[Any]]:
    """The classes of outputs that are maps from class to probability, in the order of the file."""
    found = {}
    for node in proto.graph.node:
        if node.op_type == "ZipMap":
            keys = [[*a.ints, *(s.decode() for s in a.strings)] for a in node.attribute if a.name.startswith("classlabels")]
            found[node.output[0]] = next(filter(None, keys))
    return found


def _run(runtime: Any, outputs: list[str], classes: Mapping[str, list[Any]], feeds: Arrays) -> dict[str, np.ndarray]:
    typed = {}
    for i in runtime.get_inputs():
        kind = i.type.removeprefix("tensor(").removesuffix(")")
        typed[i.name] = np.ascontiguousarray(feeds[i.name].astype(object if kind == "string" else TYPES.get(kind, kind)))
    return {o: _array(y, classes.get(o)) for o, y in zip(outputs, runtime.run(outputs, typed), strict=True)}


def _array(y: Any, classes: list[Any] | None) -> np.ndarray:
    """An output as an array; a classifier's list of {class: probability} as a column per class."""
    return np.asarray(y) if classes is None else np.array([[row[k] for k in classes] for row in y], dtype=np.float32)


def _here(model: Model, feeds: Arrays) -> dict[str, np.ndarray]:
    tensors = {}
    for n, x in feeds.items():
        axis = model.inputs[n].batch_axis
        numbers = codes(x) if x.dtype == object else x
        tensors[n] = torch.from_numpy(np.array(np.moveaxis(numbers, axis, 0) if axis else numbers)).to(model.device)
    return {o: y.cpu().numpy() for o, y in model.forward(tensors).items()}
