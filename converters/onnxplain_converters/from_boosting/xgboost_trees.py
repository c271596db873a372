"""XGBoost's boosters, from the JSON that they save: x < threshold in float32 goes left; base_score is a prediction, so its
link's inverse is the score.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from .. import ConversionError
from ..common.forest import Forest, Tree

#: objective → link; those that end in ":" are the beginnings of names
LINKS = {
    "binary:logistic": "pair", "reg:logistic": "sigmoid", "binary:logitraw": "identity", "binary:hinge": "",
    "multi:softprob": "softmax", "multi:softmax": "softmax", "count:poisson": "exp", "reg:gamma": "exp",
    "reg:tweedie": "exp", "survival:cox": "exp", "survival:aft": "exp", "rank:": "identity", "reg:": "identity",
}  # fmt: skip


def forest(booster: Any) -> Forest:
    """Of an xgboost.Booster."""
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    link = next(
        (
            found
            for name, found in LINKS.items()
            if objective == name or (name[-1] == ":" and objective.startswith(name))
        ),
        "",
    )
    if not link:
        known = ", ".join(name for name, found in LINKS.items() if found)
        raise ConversionError(f"XGBoost's objective {objective!r} is none that is known here: {known}")
    param, boosting = learner["learner_model_param"], learner["gradient_booster"]
    dropped = boosting.get("weight_drop")
    kind, boosting = boosting["name"], boosting.get("gbtree", boosting)
    if kind == "gblinear":
        raise ConversionError(
            "XGBoost's gblinear holds no trees but a linear model: train scikit-learn's, or booster='gbtree'"
        )
    model = boosting["model"]
    groups = max(int(param.get("num_class", 0)), int(param.get("num_target", 1)), 1)
    if link == "pair" and groups > 1:
        link = "sigmoid"  # of several labels, each has one column
    weights = dropped or [1.0] * len(model["trees"])
    trees = [_tree(t, g, w) for t, g, w in zip(model["trees"], model["tree_info"], weights, strict=True)]
    if not trees:
        raise ConversionError("the booster holds no trees: train it first")
    base = np.atleast_1d(np.array(json.loads(param["base_score"]), np.float64))
    base = np.broadcast_to(_score(base, link), (groups,))
    return Forest(trees, "BRANCH_LT", base.tolist(), int(param["num_feature"]), link)


def _score(base: np.ndarray, link: str) -> np.ndarray:
    if link in ("pair", "sigmoid"):
        return np.log(base) - np.log1p(-base)
    return np.log(base) if link == "exp" else base


def _tree(t: dict[str, Any], target: int, weight: float) -> Tree:
    if int(t["tree_param"]["size_leaf_vector"]) > 1:
        raise ConversionError(
            "XGBoost's trees with a vector in each leaf (multi_strategy='multi_output_tree') are not read: train with "
            "'one_output_per_tree'"
        )
    if any(t["split_type"]):
        raise ConversionError(
            "XGBoost's splits of categories are not read: encode them first (OneHotEncoder or OrdinalEncoder in a pipeline)"
        )
    conditions = np.array(t["split_conditions"], np.float32)
    return Tree(
        target=target,
        feature=np.array(t["split_indices"]),
        threshold=conditions,
        yes=np.array(t["left_children"]),
        no=np.array(t["right_children"]),
        missing=np.array(t["default_left"], bool),
        value=conditions * np.float32(weight),
        hits=np.array(t["sum_hessian"]),
    )
