"""LightGBM's boosters, from dump_model: x ≤ threshold goes left; NaN is 0 where the training data had none missing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ConversionError
from ..common.forest import LEAF, Forest, Tree, below

#: first word of the objective → link
LINKS = {
    "binary": "pair", "multiclass": "softmax", "multiclassova": "sigmoid", "cross_entropy": "sigmoid", "poisson": "exp",
    "gamma": "exp", "tweedie": "exp", "lambdarank": "identity", "rank_xendcg": "identity", "regression": "identity",
    "regression_l1": "identity", "huber": "identity", "fair": "identity", "quantile": "identity", "mape": "identity",
}  # fmt: skip


def forest(booster: Any) -> Forest:
    """Of a lightgbm.Booster, with the trees that it predicts with."""
    dump = booster.dump_model()
    words = str(dump.get("objective", "custom")).split()
    link = LINKS.get(words[0])
    if link is None or "sqrt" in words[1:]:
        raise ConversionError(
            f"LightGBM's objective {' '.join(words)!r} is none that is known here: {', '.join(LINKS)}"
        )
    slope = next((float(w.partition(":")[2]) for w in words if w.startswith("sigmoid:")), 1.0)
    groups = int(dump["num_tree_per_iteration"])
    trees = dump["tree_info"]
    share = averaged(dump)
    return Forest(
        [_tree(t["tree_structure"], k % groups, share) for k, t in enumerate(trees)],
        "BRANCH_LEQ",
        [0.0] * groups,
        int(dump["max_feature_idx"]) + 1,
        link,
        slope,
    )


def averaged(dump: dict[str, Any]) -> int:
    """How many trees per score a random forest takes the mean of; 1 where they are summed."""
    return len(dump["tree_info"]) // int(dump["num_tree_per_iteration"]) if dump.get("average_output") else 1


def _tree(root: dict[str, Any], target: int, share: int) -> Tree:
    nodes: list[dict[str, Any]] = []
    yes: list[int] = []
    no: list[int] = []

    def add(node: dict[str, Any]) -> int:
        at = len(nodes)
        nodes.append(node)
        yes.append(LEAF)
        no.append(LEAF)
        if "split_feature" in node:
            yes[at], no[at] = add(node["left_child"]), add(node["right_child"])
        return at

    add(root)
    _check(nodes)
    threshold = np.array([float(n.get("threshold", 0)) for n in nodes])
    missing = [
        n["default_left"] if n["missing_type"] == "NaN" else 0 <= n["threshold"] for n in nodes if "threshold" in n
    ]
    goes = np.zeros(len(nodes), bool)
    goes[np.array(yes) != LEAF] = missing
    return Tree(
        target=target,
        feature=np.array([n.get("split_feature", 0) for n in nodes]),
        threshold=below(threshold),
        yes=np.array(yes),
        no=np.array(no),
        missing=goes,
        value=np.array([n.get("leaf_value", 0.0) for n in nodes]) / share,
        hits=np.array([n.get("internal_count", n.get("leaf_count", 1)) for n in nodes]),
    )


def _check(nodes: list[dict[str, Any]]) -> None:
    for n in nodes:
        if n.get("decision_type", "<=") != "<=":
            raise ConversionError(
                "LightGBM's splits of categories are not read: encode them first (OneHotEncoder or OrdinalEncoder in a pipeline)"
            )
        if n.get("missing_type") == "Zero":
            raise ConversionError("LightGBM's zero_as_missing=True is not read: train with missing numbers as NaN")
        if "leaf_const" in n:
            raise ConversionError("LightGBM's linear_tree=True is not read: train with constant leaves")
