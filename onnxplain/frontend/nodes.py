"""ONNX protobuf → plain Python and torch: tensors, attributes, element types, `OnnxNode`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import torch
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from ..layers.base import OnnxNode
from ..layers.text.lexicon import Lexicon
from .strings import TEXT_ATTRIBUTES, code, codes

#: ONNX element type → torch dtype; every floating type is computed in the model's own dtype
TORCH_TYPES: dict[int, torch.dtype] = {
    TensorProto.FLOAT: torch.float32,
    TensorProto.DOUBLE: torch.float64,
    TensorProto.FLOAT16: torch.float16,
    TensorProto.BFLOAT16: torch.bfloat16,
    TensorProto.INT8: torch.int8,
    TensorProto.INT16: torch.int16,
    TensorProto.INT32: torch.int32,
    TensorProto.INT64: torch.int64,
    TensorProto.UINT8: torch.uint8,
    TensorProto.UINT16: torch.uint16,
    TensorProto.UINT32: torch.uint32,
    TensorProto.UINT64: torch.uint64,
    TensorProto.BOOL: torch.bool,
}
#: float8 in four variants, float4 and powers of two
FLOAT_OF_FEW_BITS = frozenset({17, 18, 19, 20, 23, 24})
FLOATING = frozenset({TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16, *FLOAT_OF_FEW_BITS})
#: whole numbers of 4 and 2 bits → what holds them here
FEW_BITS: dict[int, type[np.integer[Any]]] = {21: np.uint8, 22: np.int8, 25: np.uint8, 26: np.int8}


def is_floating(elem_type: int) -> bool:
    return elem_type in FLOATING


def type_name(elem_type: int) -> str:
    if elem_type not in TensorProto.DataType.values():
        return f"type {elem_type}"
    return TensorProto.DataType.Name(elem_type).lower() if elem_type else "unknown"


def to_torch(proto: TensorProto, dtype: torch.dtype) -> Tensor:
    """A constant; floating ones in `dtype`, all others in their own type (uint16/32/64 widened to int64), text as codes.

    Raises `TypeError` or `ValueError` where its type, size and bytes do not fit each other.
    """
    if any(d < 0 for d in proto.dims):
        raise ValueError(f"tensor {proto.name!r} has shape {tuple(proto.dims)}")
    try:
        array = numpy_helper.to_array(proto)
    except KeyError as error:
        raise TypeError(f"tensor {proto.name!r} holds {type_name(proto.data_type)}, which is unknown") from error
    if is_floating(proto.data_type):
        if array.dtype not in (np.float16, np.float32, np.float64):
            array = array.astype(np.float32)
        return torch.from_numpy(np.array(array)).to(dtype)
    if proto.data_type in FEW_BITS:
        return torch.from_numpy(array.astype(FEW_BITS[proto.data_type]))
    if proto.data_type == TensorProto.STRING:
        return torch.from_numpy(codes(array))
    if array.dtype in (np.uint16, np.uint32, np.uint64):
        array = array.astype(np.int64)
    if array.dtype.kind not in "iub":
        raise TypeError(f"tensor {proto.name!r} holds {type_name(proto.data_type)}, which has no torch type here")
    return torch.from_numpy(np.array(array))


def attributes(node: NodeProto, dtype: torch.dtype) -> dict[str, Any]:
    """Attribute values as Python numbers, strings, lists and torch tensors, text that is data as codes; graphs stay as
    they are."""
    out: dict[str, Any] = {}
    for a in node.attribute:
        if a.type == AttributeProto.TENSOR:
            out[a.name] = to_torch(a.t, dtype)
        elif a.name in TEXT_ATTRIBUTES:
            texts = [s.decode("utf-8", "replace") for s in ([a.s] if a.type == AttributeProto.STRING else a.strings)]
            out[a.name] = code(texts[0]) if a.type == AttributeProto.STRING else [code(t) for t in texts]
        elif a.type == AttributeProto.STRING:
            out[a.name] = a.s.decode("utf-8", "replace")
        elif a.type == AttributeProto.STRINGS:
            out[a.name] = [s.decode("utf-8", "replace") for s in a.strings]
        else:
            value = helper.get_attribute_value(a)
            out[a.name] = list(value) if a.type in (AttributeProto.FLOATS, AttributeProto.INTS) else value
    return out


def onnx_node(
    proto: NodeProto,
    opset: int,
    constants: Mapping[str, Tensor],
    floating: Mapping[str, bool],
    dtype: torch.dtype,
    texts: Lexicon | None = None,
) -> OnnxNode:
    """`proto` with those of its inputs that `constants` holds bound; `floating[name]`: the value is floating."""
    return OnnxNode(
        op=proto.op_type,
        opset=opset,
        name=proto.name,
        domain="" if proto.domain == "ai.onnx" else proto.domain,
        attributes=attributes(proto, dtype),
        constants=tuple(constants.get(i) if i else None for i in proto.input),
        dynamic=tuple(bool(i) and i not in constants for i in proto.input),
        floating=tuple(
            (constants[i].is_floating_point() if i in constants else floating.get(i, True)) if i else False
            for i in proto.input
        ),
        n_outputs=len(proto.output),
        dtype=dtype,
        texts=texts,
    )


def newest_opset() -> int:
    return onnx.defs.onnx_opset_version()
