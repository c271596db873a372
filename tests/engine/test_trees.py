"""Ensembles of trees: their outputs are onnxruntime's, their values the Shapley values of the definition, and shap's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import onnxplain as ox

from .oracle import close
from .trees import ALL_MODES, LEQ, forest, model, node, path_dependent, rows, shapley

GOLDEN = Path(__file__).parent.parent / "golden" / "ml" / "forests.npz"
FEATURES = 4


def loaded(proto: ModelProto, dtype: str = "float64") -> ox.Model:
    return ox.load(proto, dtype=dtype, verify="never")


def runtime(proto: ModelProto, x: np.ndarray) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    session = ort.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return list(session.run(None, {"x": x}))


def regressor(targets: int = 1, version: int = 3, element: int = TensorProto.FLOAT, **attributes: Any) -> ModelProto:
    given = {**forest(FEATURES, targets, seed=targets), "n_targets": targets, **attributes}
    return model([node("TreeEnsembleRegressor", given)], FEATURES, version=version, element=element)


@pytest.mark.parametrize(
    "modes",
    [LEQ, ALL_MODES, ("BRANCH_LT",), ("BRANCH_EQ", "BRANCH_NEQ")],
    ids=lambda m: "+".join(m) if len(m) < 3 else "all",
)
@pytest.mark.parametrize("aggregate", ["SUM", "AVERAGE", "MIN", "MAX"])
@pytest.mark.parametrize("targets", [1, 3])
def test_regressors_are_onnxruntimes_with_thresholds_met_and_numbers_missing(
    modes: tuple[str, ...], aggregate: str, targets: int
) -> None:
    attributes = forest(FEATURES, targets, modes=modes, seed=7)
    proto = regressor(targets, **attributes, aggregate_function=aggregate, base_values=[0.3, -0.7, 1.1][:targets])
    x = rows(40, FEATURES, seed=1, missing=0.15)
    for dtype in ("float32", "float64"):  # which side of a threshold a row lies on does not depend on it
        np.testing.assert_allclose(loaded(proto, dtype).predict(x)["y"], runtime(proto, x)[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("targets", [1, 2])
def test_regressors_transform_their_scores_as_onnxruntime_does(transform: str, targets: int) -> None:
    proto = regressor(targets, post_transform=transform)
    x = rows(20, FEATURES)
    np.testing.assert_allclose(loaded(proto).predict(x)["y"], runtime(proto, x)[0], rtol=1e-6, atol=1e-6)


CLASSIFIERS = {
    "two classes, one score": {"classes": 2, "ids": (0,)},
    "two classes, one positive score": {"classes": 2, "ids": (0,), "positive": True},
    "two classes, one score and a base": {"classes": 2, "ids": (0,), "base": [0.2]},
    "two classes, the score of the second": {"classes": 2, "ids": (1,)},
    "two classes, two scores": {"classes": 2},
    "three classes": {"classes": 3},
    "three classes and a base": {"classes": 3, "base": [0.1, -0.4, 0.2]},
    "one class": {"classes": 1},
}


@pytest.mark.parametrize("transform", ["NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO"])
@pytest.mark.parametrize("text", [False, True], ids=["integers", "text"])
@pytest.mark.parametrize("case", CLASSIFIERS)
def test_classifiers_are_onnxruntimes_labels_and_columns(case: str, text: bool, transform: str) -> None:
    given = CLASSIFIERS[case]
    k = given["classes"]
    if text and k == 1:
        pytest.skip("onnxruntime crashes on it, and the process with it")
    attributes = forest(FEATURES, k, of="class", ids=given.get("ids"), positive=given.get("positive", False), seed=3)
    attributes |= (
        {"classlabels_strings": ["gull", "tern", "knot"][:k]} if text else {"classlabels_int64s": [7, 9, 4][:k]}
    )
    attributes |= {"post_transform": transform} | ({"base_values": given["base"]} if "base" in given else {})
    proto = model(
        [node("TreeEnsembleClassifier", attributes, outputs=("label", "scores"))], FEATURES, ("label", "scores")
    )
    x = rows(30, FEATURES)
    got, (label, scores) = loaded(proto).predict(x), runtime(proto, x)
    np.testing.assert_allclose(got["scores"], scores, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(got["label"], label)


@pytest.mark.parametrize(
    "case", ["two bases for two scores", "a base for a class without weights", "a child that is its own parent"]
)
def test_what_is_read_differently_by_others_is_declined(case: str) -> None:
    if case == "a child that is its own parent":
        attributes = forest(FEATURES)
        attributes["nodes_truenodeids"][0] = 0
        proto = regressor(**attributes)
    else:
        attributes = forest(FEATURES, 2, of="class", ids=(1,) if "without" in case else None)
        attributes |= {"classlabels_int64s": [0, 1], "base_values": [0.1, 0.2]}
        proto = model(
            [node("TreeEnsembleClassifier", attributes, outputs=("label", "scores"))], FEATURES, ("label", "scores")
        )
    with pytest.raises(ox.UnsupportedOpError, match="TreeEnsemble"):
        loaded(proto)


@pytest.mark.parametrize("aggregate", [0, 1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_newest_form_with_sets_and_leaves_apart_is_onnxruntimes(dtype: Any, aggregate: int) -> None:
    def tensor(values: Any, kind: Any = dtype) -> TensorProto:
        return numpy_helper.from_array(np.array(values, kind))

    attributes = {
        "n_targets": 2,
        "aggregate_function": aggregate,
        "tree_roots": [0, 3],
        "nodes_featureids": [0, 1, 2, 0],
        "nodes_modes": tensor([0, 3, 6, 2], np.uint8),
        "nodes_splits": tensor([0.1, 0.2, 0, -0.3]),
        "nodes_truenodeids": [1, 0, 2, 4],
        "nodes_trueleafs": [0, 1, 1, 1],
        "nodes_falsenodeids": [2, 1, 3, 5],
        "nodes_falseleafs": [0, 1, 1, 1],
        "nodes_missing_value_tracks_true": [1, 0, 0, 0],
        "leaf_targetids": [0, 1, 0, 1, 0, 1],
        "leaf_weights": tensor([0.5, -1, 2, 0.3, 0.7, 0.9]),
        "membership_values": tensor([1.0, 3.0, np.nan]),
    }
    element = TensorProto.FLOAT if dtype is np.float32 else TensorProto.DOUBLE
    proto = model([node("TreeEnsemble", attributes)], 3, version=5, element=element)
    x = rows(30, 3).astype(dtype)
    x[:, 2] = np.arange(30) % 5
    x[4, 0] = np.nan
    np.testing.assert_allclose(loaded(proto).predict(x)["y"], runtime(proto, x)[0], rtol=1e-6, atol=1e-6)


def test_a_tree_that_is_one_leaf_is_a_constant() -> None:
    attributes = {
        "n_targets": 1,
        "tree_roots": [0],
        "nodes_featureids": [0],
        "nodes_modes": numpy_helper.from_array(np.zeros(1, np.uint8)),
        "nodes_splits": numpy_helper.from_array(np.zeros(1, np.float32)),
        **{k: [0] for k in ("nodes_truenodeids", "nodes_falsenodeids", "leaf_targetids")},
        **{k: [1] for k in ("nodes_trueleafs", "nodes_falseleafs")},
        "leaf_weights": numpy_helper.from_array(np.array([0.5], np.float32)),
    }
    proto = model([node("TreeEnsemble", attributes)], 3, version=5)
    x = rows(4, 3)
    close(loaded(proto).predict(x)["y"], np.full((4, 1), 0.5))
    e = ox.explain(loaded(proto), x, ox.DeepLift(), target=0)
    assert not e.values.any()


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("modes", [LEQ, ALL_MODES], ids=["leq", "all"])
def test_deeplift_is_the_shapley_value_of_every_pair_by_enumeration(
    seed: int, targets: int, modes: tuple[str, ...]
) -> None:
    m = loaded(regressor(targets, **forest(FEATURES, targets, depth=5, modes=modes, seed=seed)))
    x, x0 = rows(5, FEATURES, seed), rows(5, FEATURES, seed + 100)
    x0[2], x0[3, :2] = x[2], x[3, :2]  # the same row, and one that shares two features
    e = ox.explain(m, x, ox.DeepLift(baseline=x0), target="all")
    for i in range(len(x)):

        def value(s: tuple[int, ...], i: int = i) -> np.ndarray:
            mixed = x0[i].copy()
            mixed[list(s)] = x[i][list(s)]
            return m.predict(mixed[None])["y"][0]

        np.testing.assert_allclose(e.values[i], shapley(value, FEATURES), rtol=0, atol=1e-12)


def test_a_path_through_more_features_than_a_word_has_bits() -> None:
    features = 130
    attributes: dict[str, Any] = {
        "nodes_treeids": [0] * (2 * features + 1),
        "nodes_nodeids": list(range(2 * features + 1)),
        "nodes_featureids": [k // 2 for k in range(2 * features)] + [0],
        "nodes_values": [0.0] * (2 * features + 1),
        "nodes_modes": ["BRANCH_GT", "LEAF"] * features + ["LEAF"],
        "nodes_truenodeids": [k + 2 if k % 2 == 0 else 0 for k in range(2 * features)] + [0],
        "nodes_falsenodeids": [k + 1 if k % 2 == 0 else 0 for k in range(2 * features)] + [0],
        "target_treeids": [0],
        "target_nodeids": [2 * features],
        "target_ids": [0],
        "target_weights": [3.0],
    }
    m = loaded(model([node("TreeEnsembleRegressor", {**attributes, "n_targets": 1})], features))
    e = ox.explain(m, np.ones((1, features), np.float32), ox.DeepLift(baseline=-1.0), target=0)
    close(e.values[0, :, 0], np.full(features, 3 / features), 1e-12)  # an And of all features: all have the same share


@pytest.mark.parametrize("seed", range(3))
def test_treeshap_is_the_shapley_value_of_the_path_dependent_game_by_enumeration(seed: int) -> None:
    attributes = forest(FEATURES, depth=4, seed=seed)
    data, x = rows(15, FEATURES, seed), rows(4, FEATURES, seed + 50)  # so few that some nodes are never reached
    e = ox.explain(loaded(regressor(**attributes)), x, ox.TreeShap(data_ref=data), target=0)
    for i in range(len(x)):
        expected = shapley(path_dependent(attributes, x[i], data), FEATURES)
        np.testing.assert_allclose(e.values[i, :, 0], expected, rtol=0, atol=1e-12)


def chain() -> ModelProto:
    """Scaled, then trees, their two scores mixed, then a logistic function."""
    nodes = [
        helper.make_node(
            "Scaler", ["x"], ["scaled"], domain="ai.onnx.ml", offset=[0.1, 0, -0.2, 0], scale=[2.0, 1, 0.5, 1.5]
        ),
        node("TreeEnsembleRegressor", {**forest(FEATURES, 2, seed=5), "n_targets": 2}, ("scaled",), ("scores",)),
        helper.make_node("MatMul", ["scores", "w"], ["mixed"]),
        helper.make_node("Sigmoid", ["mixed"], ["y"]),
    ]
    return model(
        nodes, FEATURES, initializers=[numpy_helper.from_array(np.array([[1, -2], [0.5, 1]], np.float32), "w")]
    )


def test_deepshap_is_complete_through_what_is_before_and_behind_trees() -> None:
    m, x, refs = loaded(chain()), rows(6, FEATURES), rows(9, FEATURES, seed=4)
    e = ox.explain(m, x, ox.DeepShap(data_ref=refs, ignore_last_activation=False), target="all")
    goal = m.predict(x)["y"] - m.predict(refs)["y"].mean(0)
    close(e.values.sum(1), goal, 1e-12)
    each = [ox.explain(m, x, ox.DeepLift(baseline=r, ignore_last_activation=False), target="all").values for r in refs]
    close(e.values, np.mean(each, 0), 1e-12)


@pytest.mark.parametrize("chunk", [1, 2, (3, 1)], ids=str)
def test_the_numbers_do_not_depend_on_chunks(chunk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    m, x, method = loaded(chain()), rows(6, FEATURES), ox.DeepShap(data_ref=rows(9, FEATURES, seed=4))
    whole = ox.explain(m, x, method, target="all")
    from onnxplain.rules import trees

    monkeypatch.setattr(trees, "ENTRIES", 50)
    close(ox.explain(m, x, method, target="all", chunk_size=chunk).values, whole.values, 1e-12)
    by_covers = ox.TreeShap(data_ref=rows(20, FEATURES))
    few = ox.explain(m, x, by_covers, target="all")
    monkeypatch.undo()
    close(few.values, ox.explain(m, x, by_covers, target="all").values, 1e-12)


@pytest.mark.parametrize("name", ["forest", "boosted", "xgboost", "lightgbm"])
def test_exported_forests_have_the_values_that_shap_gives_them(name: str) -> None:
    with np.load(GOLDEN) as golden:
        x = golden["x"]
        for dtype in ("float32", "float64"):
            m = ox.load(golden[f"{name} model"].tobytes(), dtype=dtype)
            sample = x[20:32]
            (out,) = m.predict(sample).values()
            np.testing.assert_allclose(out[:, 0], golden[f"{name} predicted"], rtol=1e-5, atol=1e-6)
            against = ox.explain(m, sample, ox.DeepShap(data_ref=x[:8]), target=0)
            # exporters round the weights of leaves to single precision
            np.testing.assert_allclose(against.values[..., 0], golden[f"{name} interventional"], rtol=1e-4, atol=2e-6)
            by_covers = ox.explain(m, sample, ox.TreeShap(data_ref=x), target=0)
            np.testing.assert_allclose(by_covers.values[..., 0], golden[f"{name} path dependent"], rtol=1e-4, atol=2e-6)


def test_the_files_own_counts_are_taken_where_it_has_them() -> None:
    data, x = rows(50, FEATURES), rows(4, FEATURES, seed=1)
    attributes = forest(FEATURES, depth=2, trees=2, seed=2)
    m = loaded(regressor(**attributes))
    with pytest.raises(ox.RuleError, match="data_ref"):
        ox.explain(m, x, ox.TreeShap())
    trees = next(n.layer for n in m.graph.nodes if n.kind == "Trees")
    import torch

    counts = trees.visits(torch.from_numpy(data).double()).tolist()
    told = loaded(regressor(**attributes, nodes_hitrates=[float(c) for c in counts]))
    close(ox.explain(told, x, ox.TreeShap()).values, ox.explain(m, x, ox.TreeShap(data_ref=data)).values, 1e-12)


@pytest.mark.parametrize("method", ["gradient", "integrated_gradients", "smoothgrad", "lrp", "connection_weights"])
def test_methods_that_need_a_derivative_say_so_before_any_work(method: str) -> None:
    m = loaded(regressor())
    with pytest.raises(ox.RuleError, match="no derivative: DeepShap and DeepLift"):
        ox.explain(m, rows(2, FEATURES), method)
    assert any("DeepShap" in r["rule"] for r in m.coverage_rows(ox.Gradient()))


def test_the_least_of_several_trees_has_no_shares() -> None:
    with pytest.raises(ox.RuleError, match="KernelShap"):
        ox.explain(loaded(regressor(aggregate_function="MIN")), rows(2, FEATURES), "deeplift")


def test_treeshap_refuses_what_is_no_sum_of_trees() -> None:
    m = loaded(chain())
    with pytest.raises(ox.RuleError, match="Sigmoid"):
        ox.explain(m, rows(2, FEATURES), ox.TreeShap(data_ref=rows(9, FEATURES), ignore_last_activation=False))
    beside = [
        node("TreeEnsembleRegressor", {**forest(FEATURES, FEATURES), "n_targets": FEATURES}, outputs=("scores",)),
        helper.make_node("Add", ["scores", "x"], ["y"]),
    ]
    with pytest.raises(ox.RuleError, match="beside the trees"):
        ox.explain(loaded(model(beside, FEATURES)), rows(2, FEATURES), ox.TreeShap(data_ref=rows(9, FEATURES)))
    plain = loaded(model([helper.make_node("Tanh", ["x"], ["y"])], FEATURES))
    with pytest.raises(ox.RuleError, match="of which this model has none"):
        ox.explain(plain, rows(2, FEATURES), ox.TreeShap())
