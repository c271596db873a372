"""scikit-learn's HistGradientBoosting: x ≤ threshold goes left."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ConversionError
from ..common.forest import LEAF, Forest, Tree, below

#: loss of the regressors → link; others are the identity
LINKS = {"poisson": "exp", "gamma": "exp"}


CATEGORIES = (
    "HistGradientBoosting's splits of categories are not read: encode them first (OneHotEncoder or OrdinalEncoder in a "
    "pipeline), with categorical_features=None"
)


def is_hist(model: Any) -> bool:
    return type(model).__name__ in ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def forest(model: Any) -> Forest:
    if any(np.ravel(getattr(model, "is_categorical_", None) is not None and model.is_categorical_)):
        raise ConversionError(CATEGORIES)
    base = np.ravel(model._baseline_prediction)
    if hasattr(model, "classes_"):
        link = "pair" if len(model.classes_) == 2 else "softmax"
    else:
        link = LINKS.get(model.loss, "identity")
    trees = [_tree(t.nodes, k) for stage in model._predictors for k, t in enumerate(stage)]
    return Forest(trees, "BRANCH_LEQ", base.tolist(), model.n_features_in_, link)


def _tree(nodes: np.ndarray, target: int) -> Tree:
    leaf = nodes["is_leaf"].astype(bool)
    return Tree(
        target=target,
        feature=nodes["feature_idx"],
        threshold=below(np.where(leaf, 0.0, nodes["num_threshold"])),
        yes=np.where(leaf, LEAF, nodes["left"].astype(np.int64)),
        no=np.where(leaf, LEAF, nodes["right"].astype(np.int64)),
        missing=nodes["missing_go_to_left"].astype(bool),
        value=nodes["value"],
        hits=nodes["count"],
    )
