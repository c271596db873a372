"""Operators that ONNX itself defines by simpler ones (ReduceL2, Celu …): written out where no layer stands for them."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import onnx
from onnx import AttributeProto, FunctionProto, ModelProto, NodeProto, TypeProto, helper, inliner

from ..layers.base import operator_key, registered
from .lowering import LOWERED
from .types import infer_types

#: random, quantised, or on sequences: written out they would be explained wrongly, or not at all
AS_THEY_ARE = {"Bernoulli", "DynamicQuantizeLinear"}

#: of the functions that are written here for single nodes
OWN_DOMAIN = "onnxplain.functions"


def expands(proto: ModelProto) -> bool:
    """Whether `expanded` may change it."""
    return bool(_wanted(proto, _versions(proto)))


def expanded(proto: ModelProto) -> ModelProto:
    """The same model, with such operators replaced by their definitions."""
    versions = _versions(proto)
    wanted = _wanted(proto, versions)
    if not wanted:
        return proto
    try:
        spelled = _with_bodies(_spelled_out(proto, wanted, versions), wanted, versions)
        return inliner.inline_selected_functions(
            spelled, sorted({*wanted, *_of(spelled)}), inline_schema_functions=True
        )
    except Exception:  # noqa: BLE001 (the C++ inliner raises its own types; the operators are then reported as missing)
        return proto


def _versions(proto: ModelProto) -> dict[str, int]:
    return {_domain(o.domain): o.version for o in proto.opset_import}


def _wanted(proto: ModelProto, versions: dict[str, int]) -> set[tuple[str, str]]:
    known = {op for op, _, _ in registered()} | AS_THEY_ARE | {"Constant", *LOWERED}
    return {
        (n.domain, n.op_type)
        for n in proto.graph.node
        if operator_key(n.op_type, n.domain) not in known and _defined(n.op_type, _domain(n.domain), versions)
    }


def _of(proto: ModelProto) -> set[tuple[str, str]]:
    return {(f.domain, f.name) for f in proto.functions}


def _with_bodies(proto: ModelProto, wanted: Collection[tuple[str, str]], versions: dict[str, int]) -> ModelProto:
    """`proto`, or a copy in which nodes that leave an input out have a function of their own where its body follows
    from the types of the inputs: the inliner asks for the type of the missing one."""
    places = [k for k, n in enumerate(proto.graph.node) if _incomplete(n, wanted, versions)]
    if not places:
        return proto
    types, copy = infer_types(proto), ModelProto()
    copy.CopyFrom(proto)
    for k in places:
        n = copy.graph.node[k]
        given = [types.get(v) for v in n.input]
        known = [helper.make_tensor_type_proto(t.elem_type, t.shape) if t is not None else TypeProto() for t in given]
        texts = [t.SerializeToString() for t in known]
        schema: Any = _schema(n, versions)
        body = FunctionProto.FromString(schema.get_context_dependent_function(n.SerializeToString(), texts))
        body.domain, body.name = OWN_DOMAIN, f"{n.op_type}_{k}"
        copy.functions.append(body)
        n.domain, n.op_type = body.domain, body.name
    copy.opset_import.append(helper.make_opsetid(OWN_DOMAIN, 1))
    return copy


def _incomplete(n: NodeProto, wanted: Collection[tuple[str, str]], versions: dict[str, int]) -> bool:
    if (n.domain, n.op_type) not in wanted or all(n.input):
        return False
    return bool(getattr(_schema(n, versions), "has_context_dependent_function", False))


def _spelled_out(proto: ModelProto, wanted: Collection[tuple[str, str]], versions: dict[str, int]) -> ModelProto:
    """`proto`, changed in place: these operators' nodes state the attributes they leave at their defaults, and the
    weights their types. The inliner reads both, and finds neither by itself."""
    for n in proto.graph.node:
        if (n.domain, n.op_type) in wanted:
            stated = {a.name for a in n.attribute}
            defaults = (a.default_value for name, a in _schema(n, versions).attributes.items() if name not in stated)
            n.attribute.extend(v for v in defaults if v.type != AttributeProto.UNDEFINED)
    told = {v.name for v in (*proto.graph.input, *proto.graph.value_info)}
    for t in proto.graph.initializer:
        if t.name not in told:
            proto.graph.value_info.append(helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)))
    return proto


def _schema(n: NodeProto, versions: dict[str, int]) -> onnx.defs.OpSchema:
    domain = _domain(n.domain)
    return onnx.defs.get_schema(n.op_type, versions[domain], domain)


def _domain(domain: str) -> str:
    return "" if domain == "ai.onnx" else domain


def _defined(op: str, domain: str, versions: dict[str, int]) -> bool:
    if domain not in versions or not onnx.defs.has(op, domain):
        return False
    try:
        schema = onnx.defs.get_schema(op, versions[domain], domain)
    except onnx.defs.SchemaError:  # newer than the model's opset: reported as a missing operator
        return False
    return any(getattr(schema, a, False) for a in ("has_function", "has_context_dependent_function"))
