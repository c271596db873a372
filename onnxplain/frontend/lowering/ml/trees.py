"""Tree ensembles of all versions as one form: flat tables of nodes and leaves, scores apart from what is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from onnx import TensorProto, numpy_helper

from ..body import Body
from .constants import OWN, as_floats, elem_type, text
from .scores import above, classes, labelled, largest, transform_of, transformed

#: how a node compares; the numbers are those of TreeEnsemble's nodes_modes
MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
LEAF = -1
AGGREGATES = ("AVERAGE", "SUM", "MIN", "MAX")
#: TreeEnsemble's post_transforms by number; 1 and 2 are SOFTMAX and LOGISTIC to the standard, but the other way round to
#: onnxruntime, so that nobody knows what a file means by them
TRANSFORMS = {0: "NONE", 3: "SOFTMAX_ZERO", 4: "PROBIT"}


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Nodes of all trees, one after the other: `modes` (LEAF for leaves), `features`, `values`, `yes` and `no` (numbers of
    nodes), `missing` (NaN goes to yes), `hits`. `roots`: of each tree. Weights: leaf `leaves[i]` adds `weights[i]` to
    `targets[i]`. `members`: the sets of the MEMBER nodes, in their order."""

    modes: np.ndarray
    features: np.ndarray
    values: np.ndarray
    yes: np.ndarray
    no: np.ndarray
    missing: np.ndarray
    hits: np.ndarray
    roots: np.ndarray
    leaves: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    members: Sequence[np.ndarray] = ()

    def always(self, target: int) -> bool:
        """Whether every row ends in some leaf that has a weight for the target, because all leaves of some tree do.

        Where none has, onnxruntime leaves the base value out, and the class out of its choice.
        """
        given = np.unique(self.leaves[self.targets == target])
        ends = (self.modes == LEAF) & (self.tree >= 0)
        n = len(self.roots)
        return bool((np.bincount(self.tree[given], minlength=n) == np.bincount(self.tree[ends], minlength=n)).any())

    @cached_property
    def tree(self) -> np.ndarray:
        """The number of each node's tree, −1 where no root leads to it."""
        tree, level = np.full(len(self.modes), -1), self.roots
        tree[level] = np.arange(len(level))
        while len(level := level[self.modes[level] != LEAF]):
            for side in (self.yes, self.no):
                tree[side[level]] = tree[level]
            level = np.concatenate([self.yes[level], self.no[level]])
        return tree


def write(b: Body, e: Ensemble, n_targets: int, base: np.ndarray, aggregate: str, result: str | None = None) -> str:
    """The node `Trees`, which no standard has: the layer's own form."""
    double = elem_type(b, 0) == TensorProto.DOUBLE
    sets = [np.append(m, np.nan) for m in e.members]
    return b(
        "Trees",
        b.input(0) if double else as_floats(b),
        domain=OWN,
        at="trees",
        result=result,
        modes=e.modes.tolist(),
        features=e.features.tolist(),
        values=_tensor(e.values),
        yes=e.yes.tolist(),
        no=e.no.tolist(),
        missing=e.missing.tolist(),
        hits=_tensor(e.hits),
        roots=e.roots.tolist(),
        leaves=e.leaves.tolist(),
        targets=e.targets.tolist(),
        weights=_tensor(e.weights),
        members=_tensor(np.concatenate(sets) if sets else np.zeros(0)),
        base=_tensor(base),
        n_targets=n_targets,
        aggregate=aggregate,
        double=int(double),
    )


def tree_ensemble_regressor(b: Body) -> None:
    """Scores, and their post_transform."""
    e, n = _flat(b, "target"), b.attr("n_targets", 1)
    aggregate, transform = text(b.attr("aggregate_function", b"SUM")), transform_of(b)
    base = _numbers(b, "base_values")
    if e is None or len(base) not in (0, n) or aggregate not in AGGREGATES or e.targets.max(initial=0) >= n:
        return
    if base.any() and not all(e.always(k) for k in range(n)):
        return
    transformed(b, write(b, e, n, _filled(base, n), aggregate), n, transform)


def tree_ensemble_classifier(b: Body) -> None:
    """A score per class. Two classes of which only one has weights: that is the score of the second, and the first column
    is 1 − s where all weights are positive, else −s; the label is the second's above ½, or above 0."""
    e, labels, base = _flat(b, "class"), classes(b), _numbers(b, "base_values")
    if e is None or labels is None or e.targets.max(initial=0) >= len(labels):
        return
    k, transform, weighted = len(labels), transform_of(b), set(e.targets.tolist())
    if not all(e.always(c) for c in (range(k) if k > 2 and (base.any() or (e.weights < 0).any()) else weighted)):
        return
    if k > 2:
        if len(base) in (0, k):
            scores = write(b, e, k, _filled(base, k), "SUM")
            labelled(b, largest(b, scores), labels)
            transformed(b, scores, k, transform)
    elif k == 2 and weighted == {0, 1}:
        if len(base) < 2:  # onnxruntime adds a single one to the first score, and makes odd use of two
            scores = write(b, e, 2, _filled(base, 2), "SUM")
            # as onnxruntime, whose integer labels are then 0 and 1
            labelled(b, above(b, scores, 1, 0.0), labels if labels.dtype == object else np.arange(2))
            transformed(b, scores, 2, transform)
    elif k == 2 and weighted == {0} and len(base) < 2 and transform != "PROBIT":
        _one_score(b, e, labels, float(base.sum()), transform)
    elif k == 2 and weighted == {1} and not len(base):
        scores = write(b, e, 2, np.zeros(2), "SUM")
        labelled(b, above(b, scores, 1, 0.5 if bool((e.weights >= 0).all()) else 0.0), labels)
        transformed(b, scores, 2, transform)
    elif k == 1 and labels.dtype != object and len(base) < 2:
        scores = write(b, e, 1, _filled(base, 1), "SUM")
        labelled(b, above(b, scores, 0, 0.0), np.arange(2))
        transformed(b, scores, 1, transform)


def _one_score(b: Body, e: Ensemble, labels: np.ndarray, base: float, transform: str) -> None:
    positive = bool((e.weights >= 0).all())
    shift = 1.0 if positive and transform != "LOGISTIC" else 0.0
    both = replace(
        e,
        leaves=np.concatenate([e.leaves, e.leaves]),
        targets=np.concatenate([np.zeros_like(e.targets), np.ones_like(e.targets)]),
        weights=np.concatenate([-e.weights, e.weights]),
    )
    scores = write(b, both, 2, np.array([shift - base, base]), "SUM")
    labelled(b, above(b, scores, 1, 0.5 if positive else 0.0), labels)
    transformed(b, scores, 2, transform if transform == "LOGISTIC" else "NONE")


def tree_ensemble(b: Body) -> None:
    """The newest form, in which leaves are no nodes: they become some, after all others."""
    e, n = _newest(b), b.attr("n_targets", 1)
    aggregate, transform = AGGREGATES[b.attr("aggregate_function", 1)], TRANSFORMS.get(b.attr("post_transform", 0))
    if e is not None and transform is not None and e.targets.max(initial=0) < n:
        transformed(b, write(b, e, n, np.zeros(n), aggregate), n, transform)


def _newest(b: Body) -> Ensemble | None:
    names = (
        "nodes_featureids",
        "nodes_truenodeids",
        "nodes_falsenodeids",
        "nodes_trueleafs",
        "nodes_falseleafs",
        "leaf_targetids",
    )
    features, yes, no, yes_leaf, no_leaf, targets = (np.array(b.attr(n, ()), np.int64) for n in names)
    modes, splits, weights = (_numbers(b, n) for n in ("nodes_modes", "nodes_splits", "leaf_weights"))
    m = len(features)
    if not m == len(yes) == len(no) == len(yes_leaf) == len(no_leaf) == len(modes) == len(splits) or len(
        weights
    ) != len(targets):
        return None
    hits, missing = (
        _numbers(b, "nodes_hitrates"),
        np.array(b.attr("nodes_missing_value_tracks_true") or np.zeros(m), np.int64),
    )
    members = _numbers(b, "membership_values")
    ends = np.flatnonzero(np.isnan(members))
    sets = [s[~np.isnan(s)] for s in np.split(members, ends)] if len(members) else []
    # a tree that is one leaf has a node both of whose sides are that leaf: two leaves of the same weight
    twice = (yes == no) & (yes_leaf == no_leaf) & (yes_leaf > 0)
    targets, weights = np.concatenate([targets, targets[no[twice]]]), np.concatenate([weights, weights[no[twice]]])
    k = len(targets)
    no[twice] = np.arange(k - int(twice.sum()), k)
    pad = np.zeros(k, np.int64)
    return _checked(
        Ensemble(
            modes=np.concatenate([modes.astype(np.int64), np.full(k, LEAF)]),
            features=np.concatenate([features, pad]),
            values=np.concatenate([splits, pad]),
            yes=np.concatenate([np.where(yes_leaf, yes + m, yes), pad]),
            no=np.concatenate([np.where(no_leaf, no + m, no), pad]),
            missing=np.concatenate([missing, pad]),
            hits=np.concatenate([hits, pad]) if len(hits) == m else np.zeros(0),
            roots=np.array(b.attr("tree_roots", ()), np.int64),
            leaves=np.arange(m, m + k),
            targets=targets,
            weights=weights,
            members=sets,
        )
    )


def _flat(b: Body, of: str) -> Ensemble | None:
    """The older forms, in which nodes have a tree's number and one within it. `of`: "target" or "class"."""
    names = ("nodes_treeids", "nodes_nodeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids")
    trees, ids, features, yes, no = (np.array(b.attr(n, ()), np.int64) for n in names)
    to_tree, to_node, targets = (
        np.array(b.attr(n, ()), np.int64) for n in (f"{of}_treeids", f"{of}_nodeids", f"{of}_ids")
    )
    modes, values = [text(s) for s in b.attr("nodes_modes", ())], _numbers(b, "nodes_values")
    weights, hits = _numbers(b, f"{of}_weights"), _numbers(b, "nodes_hitrates")
    m = len(trees)
    if not m == len(ids) == len(features) == len(yes) == len(no) == len(modes) == len(values):
        return None
    if not len(to_tree) == len(to_node) == len(targets) == len(weights):
        return None
    if set(modes) - {*MODES[:-1], "LEAF"}:
        return None
    place = {key: i for i, key in enumerate(zip(trees.tolist(), ids.tolist(), strict=True))}
    kinds = np.array([LEAF if s == "LEAF" else MODES.index(s) for s in modes], np.int64)
    inner = kinds != LEAF
    try:
        yes, no = (np.where(inner, _places(place, trees, np.where(inner, side, ids)), 0) for side in (yes, no))
        leaves = _places(place, to_tree, to_node)
    except KeyError:
        return None
    led_to = np.zeros(m, bool)
    led_to[yes[inner]] = led_to[no[inner]] = True
    missing = np.array(b.attr("nodes_missing_value_tracks_true") or np.zeros(m), np.int64)
    return _checked(
        Ensemble(
            kinds, features, values, yes, no, missing, hits if len(hits) == m else np.zeros(0),
            np.flatnonzero(~led_to), leaves, targets, weights,
        )
    )  # fmt: skip


def _places(place: Mapping[tuple[int, int], int], trees: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    return np.array([place[key] for key in zip(trees.tolist(), nodes.tolist(), strict=True)], np.int64)


def _checked(e: Ensemble) -> Ensemble | None:
    """None unless the nodes form trees: roots lead to each of them in one way, and weights are those of leaves."""
    inner = e.modes != LEAF
    ends = np.concatenate([e.yes[inner], e.no[inner]])
    m = len(e.modes)
    if not m or not len(e.roots) or (len(ends) and not (0 <= ends.min() and ends.max() < m)) or e.roots.max() >= m:
        return None
    times = np.bincount(ends, minlength=m) + np.bincount(e.roots, minlength=m)
    if (times > 1).any() or inner[e.leaves].any() or len(e.missing) != m:
        return None
    if (e.tree[inner] < 0).any() or (e.tree[e.leaves] < 0).any():
        return None
    return e if int((e.modes == MODES.index("BRANCH_MEMBER")).sum()) <= len(e.members) else None


def _numbers(b: Body, name: str) -> np.ndarray:
    """Floats given as an attribute, or as a tensor under the same name with or without its ending."""
    for key in (name, f"{name}_as_tensor"):
        if (found := b.attr(key)) is not None and not isinstance(found, TensorProto) and len(found):
            return np.array(found, np.float64)
        if isinstance(found, TensorProto):
            return numpy_helper.to_array(found).astype(np.float64).reshape(-1)
    return np.zeros(0)


def _filled(base: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([base, np.zeros(n - len(base))])


def _tensor(values: Any) -> TensorProto:
    return numpy_helper.from_array(np.asarray(values, np.float64))
