"""SequenceMap: a loop that takes a tensor out of each list, and puts what it makes of them into others."""

from __future__ import annotations

from onnx import GraphProto, TensorProto, helper

from .body import Body


def sequence_map(b: Body) -> None:
    """The first input is a list; further ones are lists as long, or tensors that every step reads."""
    mapped: GraphProto = b.attr("body")
    step, going = f"{b.node.name}/step", f"{b.node.name}/going"
    nodes = [helper.make_node("Identity", [going], [f"{going} on"], name="going")]
    for k, (v, own) in enumerate(zip(b.node.input, mapped.input, strict=True)):
        t = b.types.get(v)
        if k and t is not None and t.tensor:
            nodes.append(helper.make_node("Identity", [v], [own.name], name=f"given_{k}"))
        else:
            nodes.append(helper.make_node("SequenceAt", [v, step], [own.name], name=f"taken_{k}"))
    before = [f"{o}/before" for o in b.node.output]
    after = [f"{o}/after" for o in b.node.output]
    nodes += mapped.node
    for k, (old, new, o) in enumerate(zip(before, after, mapped.output, strict=True)):
        nodes.append(helper.make_node("SequenceInsert", [old, o.name], [new], name=f"put_{k}"))
    kinds = [o.type.tensor_type.elem_type or TensorProto.FLOAT for o in mapped.output]
    numbers = [(step, TensorProto.INT64), (going, TensorProto.BOOL)]
    ins = [helper.make_tensor_value_info(v, t, ()) for v, t in numbers]
    ins += [helper.make_tensor_sequence_value_info(v, t, None) for v, t in zip(before, kinds, strict=True)]
    outs = [helper.make_tensor_value_info(f"{going} on", TensorProto.BOOL, ())]
    outs += [helper.make_tensor_sequence_value_info(v, t, None) for v, t in zip(after, kinds, strict=True)]
    body = helper.make_graph(nodes, "body", ins, outs, mapped.initializer)
    empty = [b("SequenceEmpty", dtype=t) for t in kinds]
    length = b("SequenceLength", b.input(0))
    b("Loop", length, "", *empty, at="loop", result=b.output(0), more=list(b.node.output)[1:], body=body)
