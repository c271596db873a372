"""A classifier's or regressor's ONNX model with one output, a column per class or target, and its names in the metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import onnx
from onnx import TensorProto, helper, numpy_helper

SAMPLES = "N"


def only(proto: onnx.ModelProto, value: str, name: str) -> onnx.ModelProto:
    """`proto`, changed in place, with `value` alone as output, called `name`: the list of {class: probability} that ZipMap
    makes of it, the predicted labels and what only they need are left out."""
    graph = proto.graph
    makers = {v: n for n in graph.node for v in n.output}
    while value in makers and makers[value].op_type == "ZipMap":
        value = makers[value].input[0]
    needed, kept = {value}, []
    for node in reversed(graph.node):
        if needed & set(node.output):
            kept.append(node)
            needed |= _read(node)
    elem = next((o.type.tensor_type.elem_type for o in graph.output if o.name == value), TensorProto.FLOAT)
    kept = [*reversed(kept)]
    if any(name in (*n.input, *n.output) for n in kept if value != name):
        kept.append(helper.make_node("Identity", [value], [name], name="Identity_" + name))
    else:
        for node in kept:
            node.input[:] = [name if v == value else v for v in node.input]
            node.output[:] = [name if v == value else v for v in node.output]
    stored = [t for t in graph.initializer if t.name in needed]
    for field, values in (("node", kept), ("initializer", stored)):
        copies = [type(v).FromString(v.SerializeToString()) for v in values]
        graph.ClearField(field)
        getattr(graph, field).extend(copies)
    del graph.output[:], graph.value_info[:]
    graph.output.append(helper.make_tensor_value_info(name, elem or TensorProto.FLOAT, None))
    return proto


def _read(node: onnx.NodeProto) -> set[str]:
    """What a node reads, in its bodies too."""
    inner = [a.g for a in node.attribute if a.HasField("g")]
    return (
        {v for v in node.input if v}
        | {v for g in inner for n in g.node for v in _read(n)}
        | {o.name for g in inner for o in g.output}
    )


def then(proto: onnx.ModelProto, op: str, constant: onnx.TensorProto | None = None, **attributes: Any) -> None:
    """One more node behind the output, which keeps its name."""
    graph = proto.graph
    name = graph.output[0].name
    count = sum(n.op_type == op for n in graph.node)
    label, before = f"{op}_{name}_{count}", f"{name}_before_{op}_{count}"
    for node in graph.node:
        node.input[:] = [before if v == name else v for v in node.input]
        node.output[:] = [before if v == name else v for v in node.output]
    inputs = [before]
    if constant is not None:
        constant.name = f"{label}_constant"
        graph.initializer.append(constant)
        inputs.append(constant.name)
    graph.node.append(helper.make_node(op, inputs, [name], name=label, **attributes))
    if not any(o.domain in ("", "ai.onnx") for o in proto.opset_import):
        proto.opset_import.append(helper.make_opsetid("", 17))


def column(proto: onnx.ModelProto, index: int, sign: int = 1) -> None:
    """One column of the output in place of all."""
    import numpy as np

    then(proto, "Gather", numpy_helper.from_array(np.array([index])), axis=1)
    if sign < 0:
        then(proto, "Neg")


def finished(
    proto: onnx.ModelProto, columns: int, inputs: Mapping[str, Sequence[str]], names: Sequence[str]
) -> onnx.ModelProto:
    """With any number of samples, `columns` in the output, and the names of features and classes."""
    graph = proto.graph
    for i in graph.input:
        if i.type.tensor_type.shape.dim:
            i.type.tensor_type.shape.dim[0].dim_param = SAMPLES
    output = graph.output[0]
    elem = output.type.tensor_type.elem_type
    output.CopyFrom(helper.make_tensor_value_info(output.name, elem, [SAMPLES, columns]))
    del proto.metadata_props[:]
    labels = {"input_labels": {k: list(v) for k, v in inputs.items() if v}, "output_labels": {output.name: list(names)}}
    helper.set_model_props(
        proto, {f"onnxplain.{key}": json.dumps(table) for key, table in labels.items() if any(table.values())}
    )
    return proto
