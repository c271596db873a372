"""The element type and shape of every value in a graph, by ONNX's own inference on a copy without the weights' data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from onnx import ModelProto, NodeProto, TypeProto, ValueInfoProto, defs, helper, shape_inference

from ..layers.base import operator_key

#: operators with a layer that ONNX does not know, at the model's opset or at all; the result is like the first input
LIKE_THEIR_INPUT = frozenset(
    {
        *("LayerNormalization", "SimplifiedLayerNormalization", "onnxplain:Gate", "onnxplain:Hold", "onnxplain:Together"),
        *("com.microsoft:Gelu", "com.microsoft:FastGelu", "com.microsoft:QuickGelu"),
    }
)
#: what casts from and to text are written as
CASTS = frozenset({"onnxplain:Parsed", "onnxplain:Printed"})


@dataclass(frozen=True)
class ValueType:
    """`shape`: a size, a symbol or None (unknown) per axis; None where even the rank is unknown. Not a `tensor`: a sequence
    of tensors of this element type (0: a map, or something else). `optional`: or nothing at all."""

    elem_type: int
    shape: tuple[int | str | None, ...] | None
    tensor: bool = True
    optional: bool = False

    @property
    def sizes(self) -> tuple[int | None, ...] | None:
        """The shape with None for every size that is no number."""
        return None if self.shape is None else tuple(d if isinstance(d, int) else None for d in self.shape)


def value_type(info: ValueInfoProto) -> ValueType:
    t = info.type
    if t.WhichOneof("value") == "optional_type":
        return replace(_type(t.optional_type.elem_type), optional=True)
    return _type(t)


def _type(t: TypeProto) -> ValueType:
    if t.WhichOneof("value") == "sequence_type":
        return ValueType(t.sequence_type.elem_type.tensor_type.elem_type, None, tensor=False)
    if t.WhichOneof("value") not in ("tensor_type", None):
        return ValueType(0, None, tensor=False)
    if not t.tensor_type.HasField("shape"):
        return ValueType(t.tensor_type.elem_type, None)
    dims: list[int | str | None] = []
    for d in t.tensor_type.shape.dim:
        which = d.WhichOneof("value")
        dims.append(d.dim_value if which == "dim_value" else (d.dim_param or None) if which == "dim_param" else None)
    # a size below 1 is how some exporters write "free"
    return ValueType(t.tensor_type.elem_type, tuple(None if isinstance(d, int) and d < 1 else d for d in dims))


def _known(n: NodeProto, opset: int) -> NodeProto:
    """The node, or one that ONNX knows and that tells as much of the result's type."""
    if operator_key(n.op_type, n.domain) in CASTS:
        return helper.make_node("Cast", n.input[:1], n.output[:1], to=next(a.i for a in n.attribute if a.name == "to"))
    if (n.op_type, n.domain) == ("Tokenizer", "com.microsoft"):  # text again, in a shape that only the texts tell
        return helper.make_node("Reshape", [n.input[0], "onnxplain: no value"], n.output[:1])
    if operator_key(n.op_type, n.domain) not in LIKE_THEIR_INPUT or defs.has(n.op_type, opset, n.domain):
        return n
    return helper.make_node("Identity", n.input[:1], n.output[:1])


def infer_types(proto: ModelProto, nodes: Sequence[NodeProto] | None = None) -> dict[str, ValueType]:
    """What ONNX's inference knows of each value; values it cannot type are missing. `nodes`: in place of the graph's."""
    known: dict[str, ValueType] = {}
    graph = proto.graph
    skeleton = ModelProto(ir_version=proto.ir_version)
    skeleton.opset_import.extend(proto.opset_import)
    versions = {o.domain: o.version for o in proto.opset_import}
    if not versions.keys() & {"", "ai.onnx"}:  # operators of another domain may be written as those of this one
        skeleton.opset_import.append(helper.make_opsetid("", defs.onnx_opset_version()))
    nodes = graph.node if nodes is None else nodes
    # a domain that the file does not name is one of onnxruntime's, which it adds itself
    unnamed = {n.domain for n in nodes} - {*versions, "", "ai.onnx"}
    skeleton.opset_import.extend(helper.make_opsetid(d, 1) for d in sorted(unnamed))
    skeleton.graph.name = graph.name or "graph"
    opset = versions.get("", versions.get("ai.onnx", 0))
    skeleton.graph.node.extend(_known(n, opset) for n in nodes)
    skeleton.graph.output.extend(graph.output)
    named = {t.name for t in graph.initializer}
    skeleton.graph.input.extend(i for i in graph.input if i.name not in named)
    small = 1024  # shape arithmetic reads small constants; large ones are only typed
    for t in graph.initializer:
        size = 1
        for d in t.dims:
            size *= d
        if size <= small:
            skeleton.graph.initializer.append(t)
        else:
            skeleton.graph.input.append(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
    try:
        inferred = shape_inference.infer_shapes(skeleton, data_prop=True).graph
    except Exception:  # noqa: BLE001 — inference is a help, never a condition: the C++ side raises for odd but runnable models
        inferred = skeleton.graph
    for info in (*inferred.value_info, *inferred.input, *inferred.output):
        known[info.name] = value_type(info)
    for t in graph.initializer:
        known[t.name] = ValueType(t.data_type, tuple(t.dims))
    for info in (*graph.input, *graph.output):  # what the file itself says of its ends
        stated = value_type(info)
        if info.name not in known or stated.shape is not None:
            known[info.name] = stated if stated.elem_type or not stated.tensor else known.get(info.name, stated)
    return known
