"""Nodes and values named for the module that computes them: "encoder/layers/0/linear1/MatMul"."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence

import onnx

from ..common.graphs import defined_in, free, graphs, replace

#: what the flat module calls the one inside it
INNER = "module"
SCOPES = "pkg.torch.onnx.name_scopes"
#: the exporter's word for what belongs to no module
NO_MODULE = "_empty_nn_module_stack"


def renamed(proto: onnx.ModelProto, modules: Sequence[str] | None = None) -> onnx.ModelProto:
    """`proto`, changed in place: nodes are called for their module and operator, their values likewise, weights as in the
    module; what exporters note about source files is dropped. `modules`: names of all modules, for the older exporter,
    which says but the last part of each."""
    graph = proto.graph
    ends = {v.name for v in (*graph.input, *graph.output)}
    weights = _weights(graph, ends)
    taken = ends | set(weights.values())
    defined = Counter(v for g in graphs(graph) for v in defined_in(g))
    names, nodes = dict(weights), set[str]()
    for g in graphs(graph):
        for node in g.node:
            path = _scope(node) if modules is None else _resolved(node.name, modules)
            node.name = free("/".join([*path, node.op_type]), nodes)
            nodes.add(node.name)
            for k, v in enumerate(node.output):
                if v and v not in ends and defined[v] == 1:
                    names[v] = free(node.name if len(node.output) == 1 else f"{node.name}:{k}", taken)
                    taken.add(names[v])
            node.doc_string = ""
            del node.metadata_props[:]
    for g in graphs(graph):
        replace(g, names)
    del proto.metadata_props[:]
    return proto


def _weights(graph: onnx.GraphProto, ends: set[str]) -> dict[str, str]:
    """Weight → its name in the module."""
    stored = [t.name for t in graph.initializer]
    made = {v for g in graphs(graph) for n in g.node for v in n.output}
    inner = {n: n.removeprefix(f"{INNER}.") for n in stored}
    return {n: m for n, m in inner.items() if m != n and m not in ends and m not in made and m not in stored}


def _scope(node: onnx.NodeProto) -> list[str]:
    """The newer exporter notes the whole path of modules, then the operation."""
    noted = next((m.value for m in node.metadata_props if m.key == SCOPES), "[]")
    try:
        scopes = [str(s) for s in ast.literal_eval(noted)]
    except (SyntaxError, ValueError):
        return []
    path = re.sub(r"@\d+", "", scopes[-2]) if len(scopes) > 1 else ""
    parts = [p for p in path.split(".") if p and not p.startswith(NO_MODULE)]
    return parts[1:] if parts[:1] == [INNER] else parts


def _resolved(name: str, modules: Sequence[str]) -> list[str]:
    """Of "/module/layers.0/layers.0.1/Conv" the module that it means; a part that means several is kept as it stands."""
    at, known = "", True
    unresolved: list[str] = []
    for part in name.split("/")[1:-1]:
        found = _below(at, part, modules) or _below(at, re.sub(r"_\d+$", "", part), modules)
        known = known and len(found) == 1
        if known:
            at = found[0]
        else:
            unresolved.append(part)
    parts = at.split(".") if at else []
    return [*(parts[1:] if parts[:1] == [INNER] else parts), *unresolved]


def _below(at: str, part: str, modules: Sequence[str]) -> list[str]:
    """The nearest modules inside `at` whose path ends with `part`."""
    inside = [m for m in modules if m and (not at or m.startswith(f"{at}."))]
    found = [m for m in inside if m == part or m.endswith(f".{part}")]
    depth = min((m.count(".") for m in found), default=0)
    return [m for m in found if m.count(".") == depth]
