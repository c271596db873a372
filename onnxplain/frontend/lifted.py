"""Files older than opset 7: read as that opset where each operator means there what it meant, else converted to it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from onnx import ModelProto, NodeProto, defs, version_converter

from ..errors import ModelError, first_line

#: the oldest opset whose operators are read as they stand
OLDEST_OPSET = 7


def lifted(proto: ModelProto, name: str) -> ModelProto:
    """`proto`, in an opset that is read. Raises `ModelError` where ONNX has no converter for one of its operators."""
    own = next((o for o in proto.opset_import if o.domain in ("", "ai.onnx")), None)
    if own is None or own.version >= OLDEST_OPSET:
        return proto
    if all(_same(n.op_type, own.version) for n in _nodes(proto.graph.node) if n.domain in ("", "ai.onnx")):
        own.version = OLDEST_OPSET
        return proto
    for n in _nodes(proto.graph.node):
        if n.op_type == "BatchNormalization" and not any(a.name == "is_test" and a.i for a in n.attribute):
            raise ModelError(
                f"node {n.name!r} (BatchNormalization) of {name} is in training mode, as opset {own.version} has it without "
                "is_test = 1: export the model for inference"
            )
    try:
        return version_converter.convert_version(proto, OLDEST_OPSET)
    except Exception as error:  # the C++ converter raises its own, undocumented types
        raise ModelError(
            f"{name} uses opset {own.version}, from before opset {OLDEST_OPSET}, and onnx.version_converter cannot convert it: "
            f"{first_line(error)}; export it with a newer opset"
        ) from error


def _same(op: str, opset: int) -> bool:
    try:
        then, now = (defs.get_schema(op, v, "") for v in (opset, OLDEST_OPSET))
    except defs.SchemaError:
        return False
    return bool(then.since_version == now.since_version)


def _nodes(nodes: Iterable[NodeProto]) -> Iterator[NodeProto]:
    for n in nodes:
        yield n
        for a in n.attribute:
            for g in [a.g] if a.HasField("g") else a.graphs:
                yield from _nodes(g.node)
