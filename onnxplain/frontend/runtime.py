"""The model as onnxruntime gets it: cut as the user cut it, and with the traps of its own taken out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import onnx
from google.protobuf.message import EncodeError
from onnx import ModelProto, TensorProto, ValueInfoProto
from onnx.helper import make_tensor_value_info

from .build import Built
from .order import needed, reads, stored_names
from .part import part
from .read import File
from .stored import Stored

#: settings of a session that is run once: weights packed for its kernels, or threads that wait for the next call, are of no use
ONCE = {"session.disable_prepacking": "1", "session.intra_op.allow_spinning": "0"}
#: operators that take weights which are not constant
FED = frozenset({"Conv", "ConvTranspose", "Gather", "Gemm", "MatMul", "Transpose"})
HALF = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def session(source: Stored, once: bool = False) -> Any:
    """An onnxruntime session on the CPU, without graph optimisations: one of them folds padding into max-pooling wrongly
    on negative data. `once`: it is run a single time, and may ask for large weights as inputs. Raises whatever
    onnxruntime raises; its errors have no common base."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    rest, fed = source.rest, frozenset[str]()
    if once:
        for name, value in ONCE.items():
            options.add_session_config_entry(name, value)
        if source.weights:
            rest, fed = _fed(source)
    stored = {name: w.numpy() for name, w in source.weights.items() if name not in fed}
    values = [ort.OrtValue.ortvalue_from_numpy(w) for w in stored.values()]
    if values:
        options.add_external_initializers(list(stored), values)
    runtime = ort.InferenceSession(rest, options, providers=["CPUExecutionProvider"])
    runtime.looks_at = values
    return runtime


def _fed(source: Stored) -> tuple[bytes, frozenset[str]]:
    """The model with large weights as inputs, and their names: at inputs onnxruntime looks where they lie, of stored weights it
    makes copies."""
    proto = parse(source)
    graph, inputs = proto.graph, {i.name for i in proto.graph.input}
    kept = {v for n in graph.node if n.op_type not in FED for v in reads(n)} | {o.name for o in graph.output}
    fed = [t for t in graph.initializer if t.name in source.weights and t.name not in kept]
    graph.input.extend(make_tensor_value_info(t.name, t.data_type, t.dims) for t in fed if t.name not in inputs)
    names = frozenset(t.name for t in fed)
    left = [t for t in graph.initializer if t.name not in names]
    del graph.initializer[:]
    graph.initializer.extend(left)
    return proto.SerializeToString(), names


def verifiable(file: File, built: Built) -> Stored | None:
    """What onnxruntime is to compare: the part of the file that is computed here, which is the file as it stands or its
    `proto`, changed in place; None where that is too large (2 GB)."""
    if file.stored is not None and _as_it_stands(file.proto, built):
        return file.stored
    cut = part(file.proto, built.graph.inputs, built.graph.outputs, built.types)
    _name_pieces(cut)
    try:
        return Stored(cut.SerializeToString(), file.weights)
    except (ValueError, EncodeError):
        return None


def _as_it_stands(proto: ModelProto, built: Built) -> bool:
    graph, made = proto.graph, stored_names(proto.graph)
    inputs, outputs = [i.name for i in graph.input if i.name not in made], [o.name for o in graph.output]
    if (inputs, outputs) != (list(built.graph.inputs), list(built.graph.outputs)):
        return False
    made.update(inputs)
    for n in graph.node:
        if not made.issuperset(reads(n)) or (n.op_type == "Split" and not all(n.output)):
            return False
        made.update(n.output)
    return len(needed(graph.node, outputs, inputs)) == len(graph.node)


def whole(file: File) -> Stored:
    """All of a file, for methods that only call it. Its `proto` is changed in place; `ValueError` where it is too large."""
    _name_pieces(file.proto)
    return Stored(file.proto.SerializeToString(), file.weights)


def parse(source: Stored) -> ModelProto:
    """The model, large weights left out."""
    return onnx.load_model_from_string(source.rest)


def _name_pieces(proto: ModelProto) -> None:
    """Names the pieces of a Split that a file leaves unnamed: onnxruntime 1.31 crashes on them, and the process with it."""
    for k, n in enumerate(proto.graph.node):
        if n.op_type == "Split":
            for i, v in enumerate(n.output):
                if not v:
                    n.output[i] = f"piece {i} of Split {k}"


def is_half(source: Stored) -> bool:
    return any(t.data_type in HALF for t in parse(source).graph.initializer)


def with_outputs(source: Stored, values: Sequence[str]) -> tuple[Stored, list[str]]:
    """(the model with these internal values as outputs as well, those of them that it computes)."""
    proto = parse(source)
    computed: Collection[str] = {v for n in proto.graph.node for v in n.output}
    there = {o.name for o in proto.graph.output}
    found = [v for v in values if v in computed]
    proto.graph.output.extend(ValueInfoProto(name=v) for v in found if v not in there)
    return Stored(proto.SerializeToString(), source.weights), found
