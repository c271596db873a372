"""Random forests written by hand, as attributes of a TreeEnsembleRegressor, and their Shapley values by enumeration."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper

LEQ = ("BRANCH_LEQ",)
ALL_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ")


def forest(
    features: int,
    targets: int = 1,
    trees: int = 4,
    depth: int = 4,
    modes: Sequence[str] = LEQ,
    seed: int = 0,
    of: str = "target",
    ids: Sequence[int] | None = None,
    positive: bool = False,
) -> dict[str, Any]:
    """Thresholds are tenths, so that rows of tenths meet them; every leaf has a weight for every target, or for `ids`."""
    rng = np.random.default_rng(seed)
    nodes: dict[str, list[Any]] = {
        f"nodes_{k}": []
        for k in (
            "treeids",
            "nodeids",
            "featureids",
            "values",
            "modes",
            "truenodeids",
            "falsenodeids",
            "missing_value_tracks_true",
        )
    }
    leaves: dict[str, list[Any]] = {f"{of}_{k}": [] for k in ("treeids", "nodeids", "ids", "weights")}

    def grow(tree: int, number: list[int], left: int) -> int:
        me = number[0]
        number[0] += 1
        leaf = left == 0 or (left < depth and rng.random() < 0.15)
        row = (
            tree,
            me,
            int(rng.integers(features)),
            round(rng.normal(), 1),
            str(rng.choice(list(modes))),
            0,
            0,
            int(rng.integers(2)),
        )
        at = len(nodes["nodes_treeids"])
        for column, value in zip(nodes.values(), row, strict=True):
            column.append(value)
        if leaf:
            nodes["nodes_modes"][at] = "LEAF"
            for k in range(targets) if ids is None else ids:
                weight = float(np.float32(rng.random() if positive else rng.normal()))
                for column, value in zip(leaves.values(), (tree, me, k, weight), strict=True):
                    column.append(value)
        else:
            nodes["nodes_truenodeids"][at] = grow(tree, number, left - 1)
            nodes["nodes_falsenodeids"][at] = grow(tree, number, left - 1)
        return me

    for tree in range(trees):
        grow(tree, [0], depth)
    return {**nodes, **leaves}


def rows(n: int, features: int, seed: int = 0, missing: float = 0.0) -> np.ndarray:
    """Tenths, some of them thresholds; `missing`: the share of NaN."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features)).round(1).astype(np.float32)
    return np.where(rng.random(x.shape) < missing, np.float32(np.nan), x)


def node(
    op: str, attributes: dict[str, Any], inputs: Sequence[str] = ("x",), outputs: Sequence[str] = ("y",), **more: Any
) -> NodeProto:
    return helper.make_node(op, inputs, outputs, domain="ai.onnx.ml", name=op, **attributes, **more)


def model(
    nodes: Sequence[NodeProto],
    features: int,
    outputs: Sequence[str] = ("y",),
    version: int = 3,
    element: int = TensorProto.FLOAT,
    initializers: Sequence[TensorProto] = (),
) -> ModelProto:
    from onnx import ValueInfoProto

    graph = helper.make_graph(
        list(nodes),
        "trees",
        [helper.make_tensor_value_info("x", element, ["n", features])],
        [ValueInfoProto(name=o) for o in outputs],
        list(initializers),
    )
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", version)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def shapley(value: Callable[[tuple[int, ...]], np.ndarray], n: int) -> np.ndarray:
    """(n, …): Σ over subsets, straight from the definition."""
    found = {s: value(s) for k in range(n + 1) for s in itertools.combinations(range(n), k)}
    out = np.zeros((n, *np.shape(found[()])))
    for j in range(n):
        for s, v in found.items():
            if j not in s:
                weight = math.factorial(len(s)) * math.factorial(n - len(s) - 1) / math.factorial(n)
                out[j] += weight * (found[tuple(sorted((*s, j)))] - v)
    return out


def path_dependent(
    attributes: dict[str, Any], x: np.ndarray, data: np.ndarray
) -> Callable[[tuple[int, ...]], np.ndarray]:
    """The game of one row: features that are not in go both ways, by the rows of `data` that do. LEQ, one target."""
    a = attributes
    place = {(t, i): k for k, (t, i) in enumerate(zip(a["nodes_treeids"], a["nodes_nodeids"], strict=True))}
    weights = {(t, i): w for t, i, w in zip(a["target_treeids"], a["target_nodeids"], a["target_weights"], strict=True)}

    def mean(t: int, i: int, known: tuple[int, ...], here: np.ndarray) -> float:
        k = place[t, i]
        if a["nodes_modes"][k] == "LEAF":
            return weights[t, i]
        j, threshold = a["nodes_featureids"][k], np.float32(a["nodes_values"][k])
        yes, no = (t, a["nodes_truenodeids"][k]), (t, a["nodes_falsenodeids"][k])
        left = here[:, j] <= threshold
        if j in known:
            return mean(*yes, known, here[left]) if x[j] <= threshold else mean(*no, known, here[~left])
        share = left.mean() if len(here) else 0.5
        return share * mean(*yes, known, here[left]) + (1 - share) * mean(*no, known, here[~left])

    return lambda s: np.array(sum(mean(t, 0, s, data) for t in sorted(set(a["nodes_treeids"]))))
