"""Weights named as in the model's pytree ("inner.kernel"), and nodes for the layer whose weights they read ("inner/Gemm")."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from ..common.graphs import defined_in, free, graphs, replace
from .call import key_of


def named(proto: onnx.ModelProto, weights: Any) -> onnx.ModelProto:
    """`proto`, changed in place. A weight is recognised by its numbers; of those with the same numbers, such as biases that
    are zero, by the layer of the other weights of its node."""
    graph = proto.graph
    known = _paths(weights)
    # one number alone may be anything
    found = {t.name: known.get(_numbers(x), []) for t in graph.initializer if (x := numpy_helper.to_array(t)).size > 1}
    readers: dict[str, int] = {}
    for node in graph.node:
        for v in node.input:
            readers[v] = readers.get(v, 0) + 1
    inner = {v for g in graphs(graph) if g is not graph for v in defined_in(g)}
    ends = {v.name for v in (*graph.input, *graph.output)} | inner
    names: dict[str, str] = {}
    nodes: set[str] = set()
    for node in graph.node:
        candidates = [found[v] for v in node.input if found.get(v)]
        layer = next((_layer(c[0]) for c in candidates if len(c) == 1), None)
        for v in node.input:
            path = [p for p in found.get(v, []) if len(found[v]) == 1 or (_layer(p) == layer and readers[v] == 1)]
            if len(path) == 1 and not {v, path[0]} & {*ends, *names.values()}:
                names.setdefault(v, path[0])
        node.name = free("/".join([*(layer.split(".") if layer else []), node.op_type]), nodes)
        nodes.add(node.name)
    taken = ends | set(names.values())
    made = [(v, node.name, f":{k}" * (len(node.output) > 1)) for node in graph.node for k, v in enumerate(node.output)]
    others = [(t.name, t.name, "") for t in graph.initializer if t.name not in names]
    for v, name, place in (*made, *others):
        if v and v not in ends:
            names[v] = free(f"{name}{place}", taken)
            taken.add(names[v])
    for g in graphs(graph):
        replace(g, names)
    del graph.value_info[:]
    return proto


def _paths(weights: Any) -> dict[tuple[Any, ...], list[str]]:
    """Numbers → the places of weights that have them; a kernel may stand reshaped or transposed in the graph."""
    import jax

    out: dict[tuple[Any, ...], list[str]] = {}
    for path, value in jax.tree_util.tree_flatten_with_path(weights)[0]:
        if not hasattr(value, "dtype") or np.ndim(value) == 0:
            continue
        name = ".".join(str(key_of(k)) for k in path)
        array = np.asarray(value)
        for key in {_numbers(array), _numbers(array.T)}:
            out.setdefault(key, []).append(name.replace("/", "."))
    return out


def _numbers(array: np.ndarray) -> tuple[Any, ...]:
    return str(array.dtype), array.tobytes()


def _layer(path: str) -> str | None:
    return path.rpartition(".")[0] or None
