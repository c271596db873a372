"""What can be called: functions in every form, ONNX files on onnxruntime, loaded models, text, maps of probabilities."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.black_box import session as sessions
from onnxplain.errors import InputError, ModelError, RuleError, TargetError

from .games import linear_model, onnx_model, tree_classifier

RNG = np.random.default_rng(5)
W = RNG.normal(size=(3, 2))
X = RNG.normal(size=(4, 3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", [TensorProto.FLOAT, TensorProto.DOUBLE])
def test_a_loaded_model_is_explained_in_its_own_precision(dtype: str, kind: int) -> None:
    model = ox.load(linear_model(W.astype(helper.tensor_dtype_to_np_dtype(kind)), kind), dtype=dtype)
    e = ox.explain(model, X.astype(dtype), ox.Occlusion(), target="all")
    assert e.values.dtype == dtype
    w = W.astype(np.float32) if kind == TensorProto.FLOAT else W
    np.testing.assert_allclose(e.values, X[..., None] * w, rtol=1e-10 if dtype == "float64" else 1e-5, atol=1e-6 if dtype == "float32" else 1e-12)


def test_one_session_serves_all_forward_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    model = ox.load(linear_model(W.astype(np.float32), TensorProto.FLOAT))
    opened = []
    real = sessions.session
    monkeypatch.setattr(sessions, "session", lambda source: opened.append(source) or real(source))
    ox.explain(model, X.astype(np.float32), ox.Rise(n_masks=50), chunk_size=3, seed=0)
    assert len(opened) == 1


def test_a_model_whose_file_is_not_kept_is_computed_here() -> None:
    proto = linear_model(W.astype(np.float32), TensorProto.FLOAT)
    kept, not_kept = (ox.explain(ox.load(proto, verify=v), X.astype(np.float32), ox.Occlusion()) for v in ("auto", "never"))
    np.testing.assert_allclose(kept.values, not_kept.values, rtol=1e-5)


def test_functions_get_what_they_were_given() -> None:
    pandas = pytest.importorskip("pandas")
    expected = X * W[:, 0]
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])

    def of_frame(t: Any) -> np.ndarray:
        assert list(t.columns) == ["a", "b", "c"] and (t.dtypes == float).all()
        return t["a"].to_numpy() * W[0, 0] + t["b"].to_numpy() * W[1, 0] + t["c"].to_numpy() * W[2, 0]

    e = ox.explain(of_frame, frame, ox.Occlusion())
    np.testing.assert_allclose(e.values[..., 0], expected, rtol=1e-9)
    assert e["input"].labels["feature"] == ("a", "b", "c")
    of_two = ox.explain(lambda a, b: a @ W[:2] + b @ W[2:], (X[:, :2], X[:, 2:]), ox.Occlusion(), target=0)
    np.testing.assert_allclose(of_two["input_1"].values[..., 0], expected[:, :2], rtol=1e-9)
    np.testing.assert_allclose(of_two["input_2"].values[..., 0], expected[:, 2:], rtol=1e-9)


def test_a_table_with_text_keeps_its_column_types() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"kind": ["a", "b", "a"], "size": [1.0, 2.0, 3.0], "count": [1, 2, 3]})

    def f(t: Any) -> np.ndarray:
        assert t["size"].dtype == float and t["count"].dtype == int
        return np.where(t["kind"] == "a", 10.0, 0.0) + t["size"].to_numpy() * t["count"].to_numpy()

    other = pandas.DataFrame({"kind": ["b"], "size": [0.0], "count": [0]})
    e = ox.explain(f, frame, ox.KernelShap(data_ref=other), seed=0)
    np.testing.assert_allclose(e.values[..., 0], [[10, 0.5, 0.5], [0, 2, 2], [10, 4.5, 4.5]], atol=1e-12)
    e.check(1e-10)


def test_outputs_come_as_array_tuple_dict_or_one_number_per_sample() -> None:
    single = ox.explain(lambda x: x @ W[:, 0], X, ox.Occlusion())
    assert single.values.shape == (4, 3, 1)
    several = ox.explain(lambda x: (x @ W, x.sum(1)), X, ox.Occlusion(), target={"output_1": "all", "output_2": 0})
    assert several["input", "output_1"].shape == (4, 3, 2)
    np.testing.assert_allclose(several["input", "output_2"].values[..., 0], X, rtol=1e-10)
    named = ox.explain(ox.BlackBox(lambda x: x @ W, output_labels=["gull", "tern"]), X, ox.Occlusion(), target="tern")
    np.testing.assert_allclose(named.values[..., 0], X * W[:, 1], rtol=1e-9)


def test_labels_are_no_values_to_explain() -> None:
    with pytest.raises(TargetError, match="predict_proba"):
        ox.explain(lambda x: x.argmax(1), X, ox.Occlusion())
    e = ox.explain(lambda x: (x > 0).sum(1), X, ox.Occlusion(baseline=-1), target={"output": 0})
    np.testing.assert_array_equal(e.values[..., 0], X > 0)


def test_a_function_that_loses_rows_is_named() -> None:
    with pytest.raises(InputError, match="shape"):
        ox.explain(lambda x: x[:1] @ W, X, ox.Occlusion())


def test_trees_and_their_maps_of_probabilities_are_explained_from_a_path(tmp_path: Path) -> None:
    path = tmp_path / "tree.onnx"
    onnx.save(tree_classifier(), path)
    x = np.array([[1.0, 5.0], [0.0, 5.0]], dtype=np.float32)
    with pytest.raises(ox.RuleError, match="KernelShap"):
        ox.explain(path, x, "lrp")
    for model in (path, ox.BlackBox(path), ox.BlackBox(path.read_bytes())):
        e = ox.explain(model, x, ox.KernelShap(data_ref=0), target="all", seed=0)
        assert list(e.predictions) == ["probabilities"]
        np.testing.assert_allclose(e.values[0], [[-0.8, 0.8], [0, 0]], atol=1e-6)
        assert (e.values[1] == 0).all()
        e.check(1e-6)
    predicted = ox.BlackBox(path).predict(x)
    np.testing.assert_allclose(predicted["probabilities"], [[0, 1], [0.8, 0.2]], rtol=1e-6)
    assert predicted["label"].shape == (2,)
    by_label = ox.explain(path, x, "occlusion", target="7")
    np.testing.assert_allclose(by_label.values[0, :, 0], [0.8, 0], atol=1e-6)


def test_text_inputs_are_replaced_by_text() -> None:
    nodes = [
        helper.make_node("LabelEncoder", ["word"], ["v"], domain="ai.onnx.ml", keys_strings=["a", "b"], values_floats=[1.0, 5.0], default_float=-1.0),
        helper.make_node("MatMul", ["v", "w"], ["y"]),
    ]  # fmt: skip
    model = onnx_model(
        nodes,
        {"word": (TensorProto.STRING, ["n", 2])},
        {"y": (TensorProto.FLOAT, ["n", 1])},
        {"w": np.array([[1.0], [10.0]], np.float32)},
        {"ai.onnx.ml": 3},
    )
    data = np.array([["a", "b"], ["b", "b"]])
    e = ox.explain(ox.BlackBox(model), data, ox.Occlusion(baseline="c"))
    np.testing.assert_allclose(e.values[..., 0], [[2, 60], [6, 60]])
    by_rows = ox.explain(ox.BlackBox(model), data, ox.PermutationShap(data_ref=[["c", "a"]]), seed=0)
    np.testing.assert_allclose(by_rows.values[..., 0], [[2, 40], [6, 40]], rtol=1e-6)
    with pytest.raises(InputError, match="text"):
        ox.explain(ox.BlackBox(model), data, ox.Occlusion())


def test_samples_on_another_axis_settings_and_a_fixed_number_of_rows_are_kept() -> None:
    nodes = [
        helper.make_node("ReduceSum", ["state", "axes"], ["s"], keepdims=0),
        helper.make_node("Cast", ["k"], ["kf"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["s", "kf"], ["m"]),
        helper.make_node("Mul", ["m", "x"], ["y"]),
    ]
    made = {"state": (TensorProto.FLOAT, [2, "n", 3]), "x": (TensorProto.FLOAT, ["n", 3]), "k": (TensorProto.INT64, [])}
    data = {
        "x": RNG.normal(size=(5, 3)).astype(np.float32),
        "state": RNG.normal(size=(2, 5, 3)).astype(np.float32),
        "k": np.array(3),
    }
    model = onnx_model(nodes, made, {"y": (TensorProto.FLOAT, ["n", 3])}, {"axes": np.array([0])})
    expected = (3 * data["state"].sum(0) * data["x"])[:, :, None] * np.eye(3)
    for source in (ox.BlackBox(model, batch_axis={"state": 1, "k": None}), ox.load(model, batch_axis={"state": 1, "k": None})):
        e = ox.explain(source, data, ox.Occlusion(inputs="x"), target="all")
        np.testing.assert_allclose(e["x"].values, expected, rtol=1e-5, atol=1e-5)
        e = ox.explain(source, data, ox.FeatureAblation(inputs="state"), target="all")
        assert e["state"].values.shape == (5, 2, 3, 3)
        assert not e["k"].connected and e["k"].values.shape == (5, 3)
    fixed = linear_model(W.astype(np.float32), TensorProto.FLOAT)
    fixed.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
    fixed.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 2
    for source in (ox.BlackBox(fixed), ox.load(fixed)):
        e = ox.explain(source, X[:3].astype(np.float32), ox.Occlusion(), target="all")
        np.testing.assert_allclose(e.values, X[:3, :, None] * W, rtol=1e-5, atol=1e-6)


def test_outputs_are_explained_as_they_are_a_last_softmax_included() -> None:
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Softmax", ["z"], ["y"])]
    model = onnx_model(nodes, {"x": (TensorProto.DOUBLE, ["n", 3])}, {"y": (TensorProto.DOUBLE, ["n", 2])}, {"w": W})
    e = ox.explain(ox.load(model, dtype="float64"), X, ox.KernelShap(0), target="all", seed=0)
    z = np.exp(X @ W)
    np.testing.assert_allclose(e.goals["y"], z / z.sum(1, keepdims=True) - 0.5, rtol=1e-9, atol=1e-12)
    assert not any("before" in n for n in e.notes)


def test_a_method_that_needs_the_graph_refuses_what_is_only_called() -> None:
    with pytest.raises(InputError, match="BlackBox|function"):
        ox.explain(ox.BlackBox(lambda x: x), X, "lrp")
    with pytest.raises(InputError, match="function"):
        ox.explain(lambda x: x, X, "gradient")


def test_black_box_methods_have_no_rules_and_are_not_smoothed() -> None:
    model = ox.load(linear_model(W.astype(np.float32), TensorProto.FLOAT))
    with pytest.raises(RuleError, match="no rules"):
        model.coverage("occlusion")
    with pytest.raises(RuleError, match="no rules"):
        ox.explain(model, X.astype(np.float32), ox.Smooth(ox.Occlusion()))


def test_a_file_that_nobody_can_open_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="broken"):
        ox.explain(tmp_path / "broken.onnx", X, "occlusion")


def test_an_explanation_of_a_function_is_saved_tabled_and_drawn(tmp_path: Path) -> None:
    e = ox.explain(lambda x: x @ W, X, ox.KernelShap(0), target="all", seed=7)
    e.save(tmp_path / "e.npz")
    back = ox.Explanation.load(tmp_path / "e.npz")
    np.testing.assert_array_equal(back.values, e.values)
    assert len(e.to_frame()) == X.size * 2
    assert "KernelShap" in repr(e) and "seed 7" in e.notes
    assert e.plot(sample=1).axes


def test_the_command_line_takes_the_methods_by_name_and_files_without_layers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from onnxplain.cli import main

    onnx.save(tree_classifier(), tmp_path / "tree.onnx")
    onnx.save(linear_model(W.astype(np.float32), TensorProto.FLOAT), tmp_path / "linear.onnx")
    (tmp_path / "t.csv").write_text("long,wide\n1,5\n0,5\n")
    np.save(tmp_path / "x.npy", X.astype(np.float32))
    call = ["--out", str(tmp_path / "o"), "--seed", "0"]
    assert main(["explain", str(tmp_path / "tree.onnx"), str(tmp_path / "t.csv"), "--method", "occlusion", "--target", "1", *call]) == 0
    e = ox.Explanation.load(tmp_path / "o" / "attributions.npz")
    np.testing.assert_allclose(e["x"].values[0, :, 0], [0.8, 0], atol=1e-6)
    assert e["x"].labels["feature"] == ("long", "wide")
    options = ["--method", "kernel_shap", "--data-ref", str(tmp_path / "x.npy"), "--set", "n_samples=3", "--target", "all"]
    assert main(["explain", str(tmp_path / "linear.onnx"), str(tmp_path / "x.npy"), *options, *call]) == 0
    e = ox.Explanation.load(tmp_path / "o" / "attributions.npz")
    np.testing.assert_allclose(e.sums["y"], X @ W - (X @ W).mean(0), atol=1e-5)
    capsys.readouterr()
    assert main(["explain", str(tmp_path / "tree.onnx"), str(tmp_path / "t.csv"), "--method", "lrp", *call]) == 2
    assert "TreeEnsembleClassifier" in capsys.readouterr().err
    assert main(["check", str(tmp_path / "linear.onnx")]) == 0
    assert "only calls the model" in capsys.readouterr().out
