"""What constant nodes make: by their own layers, else by ONNX's reference evaluator."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from onnx import ModelProto, NodeProto, ValueInfoProto, helper
from torch import Tensor

from ..errors import ModelError
from ..layers import layer_for
from ..layers.text.lexicon import Lexicon
from .nodes import TORCH_TYPES, attributes, is_floating, onnx_node, to_torch
from .types import ValueType

#: what layers and torch raise for attributes and constants that make no sense together
NOT_FITTING = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError)


def constant_node(n: NodeProto, dtype: torch.dtype) -> Tensor:
    """The value of a Constant node."""
    a = attributes(n, dtype)
    for name in ("float", "int", "string"):
        for key in (f"value_{name}", f"value_{name}s"):
            if key in a:
                return torch.tensor(a[key], dtype=dtype if name == "float" else torch.int64)
    if "value" in a:
        value: Tensor = a["value"]
        return value
    if any(x.name == "sparse_value" for x in n.attribute):
        sparse = next(x.sparse_tensor for x in n.attribute if x.name == "sparse_value")
        dense = torch.zeros(tuple(sparse.dims), dtype=dtype).reshape(-1)
        index = to_torch(sparse.indices, dtype)
        return dense.scatter(0, index.reshape(-1), to_torch(sparse.values, dtype)).reshape(tuple(sparse.dims))
    raise ModelError(f"node {n.name!r} (Constant) holds {[x.name for x in n.attribute]}, which is no number")


def cast_like(
    n: NodeProto, constants: Mapping[str, Tensor], types: Mapping[str, ValueType], dtype: torch.dtype
) -> Tensor | None:
    """What a CastLike makes of a constant, where only the type it takes comes from a computed value: as ONNX's own
    functions, and those of exporters, write their numbers."""
    like = types.get(n.input[1]) if n.op_type == "CastLike" and n.input[0] in constants else None
    if like is None or like.elem_type not in TORCH_TYPES:
        return None
    kind = dtype if is_floating(like.elem_type) else TORCH_TYPES[like.elem_type]
    return constants[n.input[0]].to(torch.int64 if kind in (torch.uint16, torch.uint32, torch.uint64) else kind)


def folded(
    n: NodeProto,
    opset: int,
    constants: Mapping[str, Tensor],
    dtype: torch.dtype,
    proto: ModelProto,
    texts: Lexicon | None = None,
) -> tuple[Tensor, ...] | None:
    """The outputs of a node whose inputs are all constant; None where neither way computes them."""
    values = [constants[i] for i in n.input if i]
    for dynamic in ({i for i in n.input[:1] if i}, set(n.input) - {""}):
        rest = {i: constants[i] for i in n.input if i and i not in dynamic}
        kinds = {i: constants[i].is_floating_point() for i in n.input if i}
        try:
            layer = layer_for(onnx_node(n, opset, rest, kinds, dtype, texts))
            if layer is None:
                continue
            with torch.inference_mode():
                made = layer.forward(*[constants[i] for i in n.input if i in dynamic])
        except NOT_FITTING:
            continue
        outs = made if isinstance(made, tuple) else (made,)
        if not all(isinstance(o, Tensor) for o in outs):  # a sequence is no constant
            return None
        return tuple(_plain(o) for o in outs)
    return _reference(n, values, proto)


def _plain(x: Tensor) -> Tensor:
    """No tensor of inference mode, nor a part that would keep a larger constant in memory: what looks at the whole of another
    constant, such as a transposed one, need not be copied."""
    return x.clone() if x.is_inference() or x.numel() < x.untyped_storage().nbytes() // x.itemsize else x.detach()


def _reference(n: NodeProto, values: list[Tensor], proto: ModelProto) -> tuple[Tensor, ...] | None:
    from onnx.reference import ReferenceEvaluator

    names = [i for i in dict.fromkeys(n.input) if i]
    arrays = {i: v.numpy() for i, v in zip([i for i in n.input if i], values, strict=True)}
    infos = [helper.make_tensor_value_info(i, helper.np_dtype_to_tensor_dtype(arrays[i].dtype), arrays[i].shape) for i in names]
    outs = [v for v in n.output if v]
    graph = helper.make_graph([n], "fold", infos, [ValueInfoProto(name=v) for v in outs])
    try:
        made = ReferenceEvaluator(helper.make_model(graph, opset_imports=list(proto.opset_import))).run(None, arrays)
        if not all(isinstance(m, (np.ndarray, np.generic)) for m in made):  # sequences are no tensors
            return None
        found = dict(zip(outs, (torch.from_numpy(np.array(m)) for m in made), strict=True))
    except Exception:  # noqa: BLE001 — an operator the evaluator lacks, too: it is reported as missing
        return None
    return tuple(found.get(v, torch.empty(0)) for v in n.output)
