"""Nodes without a layer that no relevance passes (indices, counts, bits): computed by ONNX's reference evaluator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import torch
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper
from torch import Tensor

from ..errors import first_line
from ..graph.graph import Node
from ..graph.sources import SHAPE_READERS
from ..layers.base import OnnxNode
from ..layers.integer.host import Host
from .lowering import is_random
from .nodes import TORCH_TYPES
from .order import bodies
from .stored import Stored
from .types import ValueType

#: of these types an output holds indices, counts or conditions; smaller integers may be quantised numbers
PLUMBING = frozenset({TensorProto.INT64, TensorProto.BOOL})
#: loops in Python over what may be thousands of boxes: onnxruntime first
SLOW = frozenset({"NonMaxSuppression"})

#: wrap around at the end of their type, which torch does not have for these
UNSIGNED = frozenset({TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64})
WRAPPING = frozenset({"Add", "Sub", "Mul", "Pow", "BitwiseNot", "BitShift", "CumSum", "ReduceSum", "MatMul", "Sum"})

Run = Callable[[dict[str, np.ndarray]], Sequence[Any]]


def host(
    n: NodeProto, node: OnnxNode, types: Mapping[str, ValueType], made: Mapping[str, Node], opsets: Sequence[Any]
) -> Host | None:
    """A layer for a node without one, if no relevance can be lost in it: none of its floating inputs is computed from
    an input's numbers, or it makes indices or conditions. `made`: who makes each value; `opsets`: the model's imports."""
    if is_random(n) or any(True for _ in bodies(n)) or not _typed(n, node, types):
        return None
    outputs = [types[v].elem_type for v in n.output if v]
    varying = [v for v, d, f in zip(n.input, node.dynamic, node.floating, strict=True) if d and f]
    if any(_moves(v, made) for v in varying) and not (PLUMBING.issuperset(outputs) or n.op_type == "BitCast"):
        return None
    elements = tuple(_element(v, node, i, types) for i, v in enumerate(n.input))
    model = _alone(n, elements, opsets)
    for by, start in reversed(RUNNERS.items()) if n.op_type in SLOW else RUNNERS.items():
        try:
            return Host(node, Evaluator(start(model), by, elements, node.dtype), by)
        except Exception:  # noqa: BLE001, S112 (what either raises for an operator that it lacks has no common base)
            continue
    return None


def wraps(n: NodeProto, node: OnnxNode, types: Mapping[str, ValueType]) -> bool:
    """Whether a node computes with unsigned numbers that are held in wider, signed ones here: beyond the end of their
    type these would go on."""
    t = types.get(n.output[0])
    return n.op_type in WRAPPING and not any(node.floating) and t is not None and t.elem_type in UNSIGNED


@dataclass(frozen=True, eq=False)
class Evaluator:
    """Runs one node on the CPU. `elements`: the ONNX types of its inputs, as which they are handed over."""

    run: Run
    by: str
    elements: tuple[int, ...]
    dtype: torch.dtype

    def __call__(self, args: Sequence[Tensor | None]) -> tuple[Tensor, ...]:
        device = next((a.device for a in args if a is not None), None)
        feeds = {
            f"i{k}": a.cpu().numpy().astype(helper.tensor_dtype_to_np_dtype(e), copy=False)
            for k, (a, e) in enumerate(zip(args, self.elements, strict=True))
            if a is not None
        }
        try:
            made = self.run(feeds)
        except Exception as error:  # the errors of neither have a common base
            raise ValueError(f"{self.by} says: {first_line(error)}") from error
        return tuple(self._tensor(np.asarray(y)).to(device) for y in made)

    def _tensor(self, array: np.ndarray) -> Tensor:
        if array.dtype in (np.uint16, np.uint32, np.uint64):
            array = array.astype(np.int64)
        value = torch.from_numpy(np.array(array))
        return value.to(self.dtype) if value.is_floating_point() else value


def _reference(model: ModelProto) -> Run:
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(model)
    return lambda feeds: list(evaluator.run(None, feeds))


def _onnxruntime(model: ModelProto) -> Run:
    from .runtime import session

    own = session(Stored(model.SerializeToString()))
    return lambda feeds: list(own.run(None, feeds))


RUNNERS: dict[str, Callable[[ModelProto], Run]] = {
    "onnx's reference evaluator": _reference,
    "onnxruntime": _onnxruntime,
}


def _alone(n: NodeProto, elements: Sequence[int], opsets: Sequence[Any]) -> ModelProto:
    """The node as a model of its own, with inputs i0, i1 … and outputs o0, o1 …"""
    copy = NodeProto()
    copy.CopyFrom(n)
    inputs, outputs = [f"i{k}" if v else "" for k, v in enumerate(n.input)], [f"o{k}" for k in range(len(n.output))]
    del copy.input[:], copy.output[:]
    copy.input.extend(inputs)
    copy.output.extend(outputs)
    infos = [helper.make_tensor_value_info(i, e, None) for i, e in zip(inputs, elements, strict=True) if i]
    graph = helper.make_graph([copy], "node", infos, [ValueInfoProto(name=o) for o in outputs])
    return helper.make_model(graph, opset_imports=list(opsets), ir_version=10)


def _element(value: str, node: OnnxNode, i: int, types: Mapping[str, ValueType]) -> int:
    t, constant = types.get(value), node.constant(i)
    if t is not None and t.elem_type:
        return t.elem_type
    dtype = node.dtype if constant is None or constant.is_floating_point() else constant.dtype
    return next(e for e, d in TORCH_TYPES.items() if d == dtype)


def _typed(n: NodeProto, node: OnnxNode, types: Mapping[str, ValueType]) -> bool:
    """All types are known, of tensors that torch has, and the operator is defined for them."""
    known = [types.get(v) for i, v in enumerate(n.input) if v and node.is_dynamic(i)] + [
        types.get(v) for v in n.output if v
    ]
    if any(t is None or not t.tensor or t.elem_type not in TORCH_TYPES for t in known):
        return False
    if not onnx.defs.has(n.op_type, node.domain):
        return True
    try:
        schema = onnx.defs.get_schema(n.op_type, node.opset, node.domain)
    except onnx.defs.SchemaError:
        return False
    taken = [schema.inputs[min(i, len(schema.inputs) - 1)].types for i in range(len(n.input))]
    return all(f"tensor({_name(_element(v, node, i, types))})" in taken[i] for i, v in enumerate(n.input) if v)


def _name(element: int) -> str:
    return str(TensorProto.DataType.Name(element)).lower()


def _moves(value: str, made: Mapping[str, Node]) -> bool:
    """Whether a value depends on the numbers of an input, not on shapes alone."""
    waiting, seen = [value], {value}
    while waiting:
        maker = made.get(waiting.pop())
        if maker is None:
            return True
        if maker.op not in SHAPE_READERS:
            more = [v for v in maker.inputs if v not in seen]
            seen.update(more)
            waiting += more
    return False
