"""Quantised numbers: integers that floating values were rounded to, carried as floating ones so that relevance can pass."""

from __future__ import annotations

from collections.abc import Mapping

from onnx import NodeProto, TensorProto, helper

from ..layers.base import Layer, OnnxNode
from ..layers.elementwise.piecewise import Clip, Relu
from ..layers.kinds import Additive, Affine, Bilinear, Pooling, Routing
from ..layers.quantised.quantize import Quantize, QuantizeBy
from .nodes import is_floating
from .types import ValueType

#: integer types in which rounded numbers are added up
WIDE = frozenset({TensorProto.INT16, TensorProto.INT32, TensorProto.UINT16, TensorProto.UINT32})
#: operators that add products of such numbers up
SUMS = frozenset({"Conv", "MatMul", "Gemm", "Add", "Sub", "Mul", "Sum", "ReduceSum"})
#: never made by rounding: indices, sizes, conditions, text
NEVER = frozenset({0, TensorProto.INT64, TensorProto.BOOL, TensorProto.STRING})


def carried(layer: Layer, node: OnnxNode, elem_type: int) -> bool:
    """Whether a node makes quantised numbers: of an integer type, from floating values that carry relevance."""
    varying = [i for i, d in enumerate(node.dynamic) if d]
    return (
        layer.kind != "Integer"
        and elem_type not in NEVER
        and any(node.is_floating(i) and layer.carries(k) for k, i in enumerate(varying))
    )


def stays_whole(layer: Layer, node: OnnxNode, elem_type: int) -> bool:
    """Whether a layer of floating numbers does with quantised ones what the operator does with integers: it rounds to
    their type, moves or picks them; or it adds products up in 32 bits, which hardly ever overflow."""
    if isinstance(layer, (Routing, Pooling, Quantize, QuantizeBy, Relu, Clip)):
        return True
    if getattr(layer, "family", "") == "resize":
        return bool(node.attr("mode", "nearest") == "nearest")
    return elem_type == TensorProto.INT32 and isinstance(layer, (Affine, Additive, Bilinear)) and node.op in SUMS


def as_carried(n: NodeProto, types: Mapping[str, ValueType], floating: Mapping[str, bool]) -> NodeProto:
    """A cast of quantised numbers to a wider integer type changes none of them: it is one between floating types here."""
    given = types.get(n.input[0]) if n.op_type == "Cast" else None
    if given is None or not floating.get(n.input[0]) or is_floating(given.elem_type) or given.elem_type in NEVER:
        return n
    if not any(a.name == "to" and a.i in WIDE for a in n.attribute):
        return n
    return helper.make_node("Cast", n.input, n.output, name=n.name, to=TensorProto.FLOAT)
