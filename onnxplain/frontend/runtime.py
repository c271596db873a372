"""The model as onnxruntime gets it: cut as the user cut it, and with the traps of its own taken out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import onnx
from google.protobuf.message import EncodeError
from onnx import ModelProto, TensorProto, ValueInfoProto

from .build import Built
from .order import needed, reads, stored_names
from .part import part

HALF = (TensorProto.FLOAT16, TensorProto.BFLOAT16)


def session(source: bytes | str) -> Any:
    """An onnxruntime session on the CPU for bytes or a path, without graph optimisations: one of them folds padding into max-pooling wrongly
    on negative data. Raises whatever onnxruntime raises; its errors have no common base."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return ort.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def verifiable(proto: ModelProto, built: Built, data: bytes | None = None) -> bytes | None:
    """What onnxruntime is to compare: the part of the file that is computed here; None where it is too large (2 GB).

    `data`: the bytes of `proto`, where they are at hand: taken where all of it is computed as it stands. Otherwise it is
    changed in place.
    """
    if data is not None and _as_it_stands(proto, built):
        return data
    cut = part(proto, built.graph.inputs, built.graph.outputs, built.types)
    _name_pieces(cut)
    try:
        return cut.SerializeToString()
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


def whole(proto: ModelProto) -> bytes:
    """All of a file, for methods that only call it. `proto` is changed in place; `ValueError` where it is too large."""
    _name_pieces(proto)
    return proto.SerializeToString()


def parse(source: bytes) -> ModelProto:
    return onnx.load_model_from_string(source)


def _name_pieces(proto: ModelProto) -> None:
    """Names the pieces of a Split that a file leaves unnamed: onnxruntime 1.31 crashes on them, and the process with it."""
    for k, n in enumerate(proto.graph.node):
        if n.op_type == "Split":
            for i, v in enumerate(n.output):
                if not v:
                    n.output[i] = f"piece {i} of Split {k}"


def is_half(source: bytes) -> bool:
    return any(t.data_type in HALF for t in parse(source).graph.initializer)


def with_outputs(source: bytes, values: Sequence[str]) -> tuple[bytes, list[str]]:
    """(the model with these internal values as outputs as well, those of them that it computes)."""
    proto = parse(source)
    computed: Collection[str] = {v for n in proto.graph.node for v in n.output}
    there = {o.name for o in proto.graph.output}
    found = [v for v in values if v in computed]
    proto.graph.output.extend(ValueInfoProto(name=v) for v in found if v not in there)
    return proto.SerializeToString(), found
