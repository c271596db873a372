"""Operators that ONNX itself defines by simpler ones (ReduceL2, Celu …): written out where no layer stands for them."""

from __future__ import annotations

import onnx
from onnx import ModelProto, inliner

from ..layers.base import operator_key, registered
from .lowering import LOWERED

#: random, quantised, or with a loop inside: written out they would be explained wrongly, or not at all
AS_THEY_ARE = {"Bernoulli", "DynamicQuantizeLinear", "LinearAttention", "SequenceMap"}


def expanded(proto: ModelProto) -> ModelProto:
    """The same model, with such operators replaced by their definitions."""
    versions = {_domain(o.domain): o.version for o in proto.opset_import}
    known = {op for op, _, _ in registered()} | AS_THEY_ARE | {"Constant", *LOWERED}
    wanted = {
        (n.domain, n.op_type)
        for n in proto.graph.node
        if operator_key(n.op_type, n.domain) not in known and _defined(n.op_type, _domain(n.domain), versions)
    }
    if not wanted:
        return proto
    try:
        return inliner.inline_selected_functions(proto, sorted(wanted), inline_schema_functions=True)
    except Exception:  # noqa: BLE001 (the C++ inliner raises its own types; the operators are then reported as missing)
        return proto


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
