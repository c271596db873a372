"""Sums of trees as ONNX: one TreeEnsembleRegressor for the scores, and behind it what makes predictions of them.

A row's score for target k is base_k + Σ of the leaves that it reaches in the trees of target k. Rows are float32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LEAF = -1
INPUT, SCORES = "x", "scores"
ML_OPSET = 3
#: link → operators from the scores on; None: of two classes, [−s, s]
LINKS: dict[str, tuple[str | None, ...]] = {
    "identity": (),
    "exp": ("Exp",),
    "sigmoid": ("Sigmoid",),
    "softmax": ("Softmax",),
    "pair": (None, "Sigmoid"),
}


@dataclass(frozen=True, eq=False)
class Tree:
    """By node: `feature`, `threshold`, `yes` and `no` (numbers of nodes, `LEAF` for leaves), `missing` (NaN goes to yes),
    `value` of leaves, `hits` (rows of the training data, or their weight). `target`: whose score it adds to."""

    target: int
    feature: np.ndarray
    threshold: np.ndarray
    yes: np.ndarray
    no: np.ndarray
    missing: np.ndarray
    value: np.ndarray
    hits: np.ndarray


@dataclass(frozen=True, eq=False)
class Forest:
    """`mode`: how nodes compare, BRANCH_LT or BRANCH_LEQ. `base`: a number per target. `link`: one of `LINKS`; `slope`: what
    scores are multiplied by before it."""

    trees: Sequence[Tree]
    mode: str
    base: Sequence[float]
    features: int
    link: str
    slope: float = 1.0

    @property
    def columns(self) -> int:
        return 2 if self.link == "pair" else len(self.base)

    def proto(self, opset: int, scores: bool) -> onnx.ModelProto:
        """`scores`: without the link."""
        ml = helper.make_node(
            "TreeEnsembleRegressor", [INPUT], ["sum"], name="trees", domain="ai.onnx.ml", **self._attributes()
        )
        nodes, at, weights = [ml], "sum", []
        ops = () if scores else LINKS[self.link]
        if self.slope != 1 and not scores:
            weights.append(numpy_helper.from_array(np.array(self.slope, np.float32), "slope"))
            nodes.append(helper.make_node("Mul", [at, "slope"], ["scaled"], name="scaled"))
            at = "scaled"
        for op in ops:
            if op is None:
                nodes.append(helper.make_node("Neg", [at], ["negative"], name="negative"))
                nodes.append(helper.make_node("Concat", ["negative", at], ["both"], name="both", axis=1))
                at = "both"
            else:
                more: dict[str, Any] = {"axis": 1} if op == "Softmax" else {}
                nodes.append(helper.make_node(op, [at], [op.lower()], name=op.lower(), **more))
                at = op.lower()
        columns = len(self.base) if scores else self.columns
        graph = helper.make_graph(
            nodes,
            "trees",
            [helper.make_tensor_value_info(INPUT, TensorProto.FLOAT, ["N", self.features])],
            [helper.make_tensor_value_info(at, TensorProto.FLOAT, ["N", columns])],
            weights,
        )
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        return helper.make_model(graph, opset_imports=imports, ir_version=8)

    def _attributes(self) -> dict[str, Any]:
        per = [len(t.feature) for t in self.trees]
        tree = np.repeat(np.arange(len(per)), per)
        node = np.concatenate([np.arange(n) for n in per])
        yes, no = (np.concatenate([getattr(t, side) for t in self.trees]) for side in ("yes", "no"))
        joined = {
            k: np.concatenate([getattr(t, k) for t in self.trees])
            for k in ("feature", "threshold", "missing", "value", "hits")
        }
        leaf = yes == LEAF
        target = np.repeat([t.target for t in self.trees], per)
        ints = {
            "nodes_treeids": tree,
            "nodes_nodeids": node,
            "nodes_featureids": np.where(leaf, 0, joined["feature"]),
            "nodes_truenodeids": np.where(leaf, 0, yes),
            "nodes_falsenodeids": np.where(leaf, 0, no),
            "nodes_missing_value_tracks_true": np.where(leaf, False, joined["missing"]),
            "target_treeids": tree[leaf],
            "target_nodeids": node[leaf],
            "target_ids": target[leaf],
        }
        floats = {
            "nodes_values": np.where(leaf, 0, joined["threshold"]),
            "nodes_hitrates": joined["hits"],
            "target_weights": joined["value"][leaf],
            "base_values": np.asarray(self.base),
        }
        return {
            **{k: v.astype(np.int64).tolist() for k, v in ints.items()},
            **{k: v.astype(np.float32).tolist() for k, v in floats.items()},
            "nodes_modes": ["LEAF" if at_leaf else self.mode for at_leaf in leaf.tolist()],
            "n_targets": len(self.base),
        }


def below(threshold: np.ndarray) -> np.ndarray:
    """The largest float32 that is no larger: x ≤ t is the same for every float32 x."""
    single = threshold.astype(np.float32)
    return np.where(single > threshold, np.nextafter(single, np.float32(-np.inf)), single)
