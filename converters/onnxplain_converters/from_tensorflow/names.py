"""Nodes, values and weights named for the layer that computes with them: "encoder/dense/MatMul"."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import onnx

from ..common.graphs import defined_in, free, graphs

#: operators that are their weight's layer's, whatever layer's constants were merged into them
WEIGHTED = frozenset({"Conv", "ConvTranspose", "MatMul", "Gemm"})
#: scopes that say nothing
CALLS = re.compile(r"(Stateful)?PartitionedCall(_\d+)?|fake_layer\w*")
ROLES = {
    **{op: {1: "kernel", 2: "bias"} for op in WEIGHTED},
    "BatchNormalization": {1: "gamma", 2: "beta", 3: "mean", 4: "variance"},
}
TAG = re.compile(r"__L(\d+)__")


@contextmanager
def tagged(model: Any) -> Iterator[list[str]]:
    """The names of all layers, the model's first, each of which has its number in its name meanwhile: TensorFlow numbers
    the scopes that it opens again, and "dense_1" may be the second call of one layer or the first of another."""
    layers = list(dict.fromkeys(model._flatten_layers()))
    names = [layer.name for layer in layers]
    try:
        for k, layer in enumerate(layers):
            layer.name = f"{layer.name}__L{k}__"
        yield names
    finally:
        for layer, name in zip(layers, names, strict=True):
            layer.name = name


def renamed(proto: onnx.ModelProto, layers: Sequence[str] | None = None) -> onnx.ModelProto:
    """`proto`, changed in place. `layers`: of `tagged`, while which it was made; without them all scopes are kept."""
    graph = proto.graph
    ends = {v.name for v in (*graph.input, *graph.output)}
    stored = {t.name for t in graph.initializer}
    inner = {v for g in graphs(graph) if g is not graph for v in defined_in(g)}  # may hide outer ones: left as they are
    fixed = ends | inner | (stored if layers is None else {v for v in stored if not TAG.search(v)})
    names: dict[str, str] = {}
    taken, nodes = set(fixed), set[str]()
    made: dict[str, list[str]] = {}
    for g in graphs(graph):
        for node in g.node:
            # what tf2onnx puts in has no scope: it belongs to what it reads
            path = scope(node, layers) or next((made[v] for v in node.input if v in made), [])
            made |= dict.fromkeys(node.output, path)
            node.name = free("/".join([*path, node.op_type]), nodes)
            nodes.add(node.name)
            node.doc_string = ""
            wanted = {v: "/".join([*path, _role(node, k)]) for k, v in enumerate(node.input) if v in stored}
            if g is graph:
                several = len(node.output) > 1
                wanted |= {v: f"{node.name}:{k}" if several else node.name for k, v in enumerate(node.output) if v}
            for v, name in wanted.items():
                if v not in fixed and v not in names:
                    names[v] = free(name, taken)
                    taken.add(names[v])
    for t in graph.initializer:
        t.name = names.get(t.name, t.name)
    for g in graphs(graph):
        for node in g.node:
            node.input[:] = [names.get(v, v) for v in node.input]
            node.output[:] = [names.get(v, v) for v in node.output]
        for o in g.output:
            o.name = names.get(o.name, o.name)
    del graph.value_info[:]
    graph.doc_string = ""
    return proto


def scope(node: onnx.NodeProto, layers: Sequence[str] | None) -> list[str]:
    """The names of the layers around a node."""
    of_weight = scopes(node.input[1], layers) if node.op_type in WEIGHTED and len(node.input) > 1 else []
    return (of_weight if layers is not None else []) or scopes(node.name, layers)


def scopes(name: str, layers: Sequence[str] | None) -> list[str]:
    """The layers, or without any all scopes, that a name begins with."""
    first = name.partition(";")[0]  # TFLite lists all that it merged
    parts = [p for p in first.split("/")[:-1] if not CALLS.fullmatch(p)]
    if layers is None:
        return parts
    found = [int(tag[1]) for p in parts if (tag := TAG.search(p))]
    return [layers[k] for k in found if k]


def plain(name: str) -> str:
    """What `tagged` was given the name for."""
    return re.sub(rf"{TAG.pattern}(_\d+)?", "", name)


def _role(node: onnx.NodeProto, slot: int) -> str:
    return ROLES.get(node.op_type, {}).get(slot, "constant")
