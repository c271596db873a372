"""The same model written in other ways: every rewriting leaves the numbers as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from onnx import ModelProto, NodeProto, ValueInfoProto, helper

#: value and input names that break naive parsers
ODD_NAMES = {
    "x": "model/in put:0",
    "y": "résultat → ½",
    "c0": "weight\n'with' \"quotes\"",
    "c1": "a.b::c#d?e=f&g",
    "v0": " ",
    "v1": "{}[]()%s",
    "v2": "../../etc",
    "v3": "0",
}


def copied(proto: ModelProto) -> ModelProto:
    out = ModelProto()
    out.CopyFrom(proto)
    return out


def weights_as_constant_nodes(proto: ModelProto) -> ModelProto:
    out = copied(proto)
    nodes = [helper.make_node("Constant", [], [t.name], name=f"make {t.name}", value=t) for t in out.graph.initializer]
    nodes += list(out.graph.node)
    del out.graph.initializer[:], out.graph.node[:]
    out.graph.node.extend(nodes)
    return out


def weights_also_inputs(proto: ModelProto) -> ModelProto:
    out = copied(proto)
    own = list(out.graph.input)
    del out.graph.input[:]
    out.graph.input.extend(
        helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in out.graph.initializer
    )
    out.graph.input.extend(own)
    return out


def renamed(proto: ModelProto, names: Mapping[str, str]) -> ModelProto:
    out = copied(proto)
    g = out.graph
    for info in (*g.input, *g.output, *g.initializer):
        info.name = names.get(info.name, info.name)
    for n in g.node:
        n.input[:] = [names.get(v, v) for v in n.input]
        n.output[:] = [names.get(v, v) for v in n.output]
    return out


def nodes_without_names(proto: ModelProto) -> ModelProto:
    out = copied(proto)
    for n in out.graph.node:
        n.name = ""
    return out


def nodes_with_one_name(proto: ModelProto) -> ModelProto:
    out = copied(proto)
    for n in out.graph.node:
        n.name = "node"
    return out


def unsorted(proto: ModelProto) -> ModelProto:
    out = copied(proto)
    nodes = list(reversed(out.graph.node))
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    return out


def with_unused_parts(proto: ModelProto) -> ModelProto:
    """Nodes nobody reads, one of an operator that does not exist; an input and a weight nobody reads."""
    out = copied(proto)
    out.graph.node.extend(
        [
            helper.make_node("Exp", [out.graph.node[0].output[0]], ["unread"]),
            helper.make_node("Unheard", ["unread"], ["unread too"], domain="nowhere"),
        ]
    )
    out.opset_import.append(helper.make_opsetid("nowhere", 1))
    spare = copied(proto).graph.initializer[0]
    spare.name = "spare weight"
    out.graph.initializer.append(spare)
    return out


def through_identities(proto: ModelProto) -> ModelProto:
    """An Identity and an inference-mode Dropout in front of every node's first input."""
    out = copied(proto)
    nodes: list[NodeProto] = []
    for i, n in enumerate(copied(proto).graph.node):
        nodes.append(helper.make_node("Identity", [n.input[0]], [f"same {i}"]))
        nodes.append(helper.make_node("Dropout", [f"same {i}"], [f"kept {i}", f"mask {i}"]))
        n.input[0] = f"kept {i}"
        nodes.append(n)
    del out.graph.node[:]
    out.graph.node.extend(nodes)
    return out


def as_local_function(proto: ModelProto) -> ModelProto:
    """All nodes in one local function, itself called through another."""
    out = copied(proto)
    weights = [t.name for t in out.graph.initializer]
    inputs = [*[i.name for i in out.graph.input], *weights]
    outputs = [o.name for o in out.graph.output]
    imports = [*out.opset_import, helper.make_opsetid("own", 1)]
    inner = helper.make_function("own", "Inner", inputs, outputs, list(out.graph.node), imports)
    call = helper.make_node("Inner", inputs, outputs, domain="own")
    outer = helper.make_function("own", "Outer", inputs, outputs, [call], imports)
    del out.graph.node[:]
    out.graph.node.append(helper.make_node("Outer", inputs, outputs, domain="own", name="outer"))
    out.functions.extend([inner, outer])
    out.opset_import.append(helper.make_opsetid("own", 1))
    return out


def with_value_infos(proto: ModelProto) -> ModelProto:
    """Types of internal values left out and outputs without a shape."""
    out = copied(proto)
    for o in out.graph.output:
        bare = ValueInfoProto(name=o.name)
        bare.type.tensor_type.elem_type = o.type.tensor_type.elem_type
        o.CopyFrom(bare)
    return out


VARIANTS: dict[str, Callable[[ModelProto], ModelProto]] = {
    "weights as Constant nodes": weights_as_constant_nodes,
    "weights also listed as inputs": weights_also_inputs,
    "names with any characters": lambda p: renamed(p, ODD_NAMES),
    "nodes without names": nodes_without_names,
    "nodes that share one name": nodes_with_one_name,
    "unsorted nodes": unsorted,
    "unused parts": with_unused_parts,
    "Identity and Dropout everywhere": through_identities,
    "local functions": as_local_function,
    "outputs without shapes": with_value_infos,
}
