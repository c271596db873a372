"""The part of a file that lies between some values, as a model of its own: what onnxruntime is asked to compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from onnx import ModelProto, ValueInfoProto, helper

from .order import in_order, needed, stored_names
from .types import ValueType


def part(proto: ModelProto, inputs: Sequence[str], outputs: Sequence[str], types: Mapping[str, ValueType]) -> ModelProto:
    """`proto`, changed in place: nodes that `outputs` do not need are dropped, all nodes named, inputs are `inputs`."""
    graph = proto.graph
    stored = stored_names(graph)
    known = {i.name: i for i in (*graph.input, *graph.output)}
    nodes = needed(in_order(graph, inputs), outputs, inputs)
    ends = [[_info(v, known, types) for v in names] for names in (inputs, outputs)]
    defaults = [i for i in graph.input if i.name in stored and i.name not in inputs]
    del graph.node[:], graph.input[:], graph.output[:]
    graph.node.extend(nodes)
    graph.input.extend([*ends[0], *defaults])
    graph.output.extend(ends[1])
    return proto


def _info(name: str, known: Mapping[str, ValueInfoProto], types: Mapping[str, ValueType]) -> ValueInfoProto:
    if name in known:
        copy = ValueInfoProto()
        copy.CopyFrom(known[name])
        return copy
    t = types.get(name)
    if t is None or not t.tensor or not t.elem_type:
        return ValueInfoProto(name=name)
    return helper.make_tensor_value_info(name, t.elem_type, None if t.shape is None else list(t.shape))
