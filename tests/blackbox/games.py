"""Slow twins: Shapley values by their definition, and small ONNX models made from a few nodes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def shapley(value: Callable[[frozenset[int]], np.ndarray], n: int) -> np.ndarray:
    """Σ over coalitions S without i of |S|! (n − |S| − 1)! / n! · (v(S ∪ i) − v(S)): (n, targets)."""
    rows = []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        total: Any = 0.0
        for k in range(n):
            for s in itertools.combinations(others, k):
                weight = math.factorial(k) * math.factorial(n - k - 1) / math.factorial(n)
                total = total + weight * (value(frozenset((*s, i))) - value(frozenset(s)))
        rows.append(total)
    return np.array(rows)


def coalition_value(
    f: Callable[[np.ndarray], np.ndarray], x: np.ndarray, references: np.ndarray, groups: Sequence[Sequence[int]]
) -> Callable[[frozenset[int]], np.ndarray]:
    """v(S): the mean over references of f where the features of groups in S are x's."""

    def value(s: frozenset[int]) -> np.ndarray:
        rows = references.copy()
        for g in s:
            rows[:, list(groups[g])] = x[list(groups[g])]
        return f(rows).reshape(len(rows), -1).mean(0)

    return value


def onnx_model(
    nodes: Sequence[Any],
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: dict[str, tuple[int, list[Any]]],
    constants: dict[str, np.ndarray] | None = None,
    domains: dict[str, int] | None = None,
) -> onnx.ModelProto:
    def infos(t: dict[str, tuple[int, list[Any]]]) -> list[Any]:
        return [helper.make_tensor_value_info(n, kind, shape) for n, (kind, shape) in t.items()]
    graph = helper.make_graph(
        list(nodes), "g", infos(inputs), infos(outputs), [numpy_helper.from_array(v, n) for n, v in (constants or {}).items()]
    )
    opsets = [helper.make_opsetid(d, v) for d, v in {"": 17, **(domains or {})}.items()]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def linear_model(w: np.ndarray, kind: int = TensorProto.DOUBLE) -> onnx.ModelProto:
    """y = x w."""
    n, m = w.shape
    return onnx_model(
        [helper.make_node("MatMul", ["x", "w"], ["y"])], {"x": (kind, ["n", n])}, {"y": (kind, ["n", m])}, {"w": w}
    )


def tree_classifier() -> onnx.ModelProto:
    """Class b where x0 > 0.5, else a with probability 0.8; a ZipMap makes maps of it; without a layer here."""
    common = {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"], "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0, 0, 0], "class_nodeids": [1, 1, 2, 2], "class_ids": [0, 1, 0, 1],
        "class_weights": [0.8, 0.2, 0.0, 1.0], "classlabels_int64s": [3, 7],
    }  # fmt: skip
    nodes = [
        helper.make_node("TreeEnsembleClassifier", ["x"], ["label", "p"], domain="ai.onnx.ml", post_transform="NONE", **common),
        helper.make_node("ZipMap", ["p"], ["probabilities"], domain="ai.onnx.ml", classlabels_int64s=[3, 7]),
    ]
    model = onnx_model(
        nodes, {"x": (TensorProto.FLOAT, ["n", 2])}, {"label": (TensorProto.INT64, ["n"])}, domains={"ai.onnx.ml": 3}
    )
    maps = helper.make_sequence_type_proto(
        helper.make_map_type_proto(TensorProto.INT64, helper.make_tensor_type_proto(TensorProto.FLOAT, []))
    )
    model.graph.output.append(helper.make_value_info("probabilities", maps))
    return model
