"""However a model is written, it is read as onnxruntime reads it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import onnxplain as ox

from .build import Writer
from .models import CASES, cnn, inner_output, loaded, mlp, residual
from .opsets import OPSETS, many_words
from .oracle import close, onnxruntime_outputs
from .variants import VARIANTS, copied, weights_as_constant_nodes

X = np.random.default_rng(0).standard_normal((3, 6)).astype(np.float32)
FLOAT32 = 1e-5  # both sides round


def parity(proto: ModelProto, data: dict[str, np.ndarray], **options: Any) -> ox.Model:
    model = ox.load(proto, verify="never", **options)
    ours, theirs = model.predict(data), onnxruntime_outputs(proto, data)
    assert list(ours) == list(theirs)
    for name in theirs:
        close(ours[name], theirs[name], FLOAT32)
    return model


@pytest.mark.parametrize("name", CASES)
def test_predictions_equal_onnxruntime(name: str) -> None:
    case = CASES[name]
    if name.startswith("fixed"):
        data = case.data(int(name[-1]))
    else:
        data = case.data(4)
    parity(
        case.proto(), {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in data.items()}, **case.options
    )


@pytest.mark.parametrize("name", CASES)
def test_loading_verifies_against_onnxruntime(name: str, recwarn: pytest.WarningsRecorder) -> None:
    model = ox.load(CASES[name].proto(), verify="always", **CASES[name].options)
    model.check()
    assert not [w for w in recwarn if "not verified" in str(w.message)]


@pytest.mark.parametrize("builder", [mlp, residual, cnn], ids=lambda b: b.__name__)
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_written_otherwise_gives_the_same_numbers(variant: str, builder: Any) -> None:
    proto = builder()
    case = CASES[builder.__name__]
    plain, other = (ox.load(p, verify="never", dtype="float64") for p in (proto, VARIANTS[variant](proto)))
    data = tuple(case.data().values())
    (expected,), (actual,) = plain.predict(data).values(), other.predict(data).values()
    close(actual, expected, 1e-12)
    for method in ("gradient", "lrp", "deeplift"):
        close(
            ox.explain(other, data, method, target="all").values,
            ox.explain(plain, data, method, target="all").values,
            1e-12,
        )


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_model_written_otherwise_is_verified(variant: str, recwarn: pytest.WarningsRecorder) -> None:
    ox.load(VARIANTS[variant](mlp()), verify="auto")
    assert not [w for w in recwarn if "not verified" in str(w.message)]


@pytest.mark.parametrize("opset", OPSETS)
def test_each_opset_is_read_in_its_own_words(opset: int) -> None:
    x = np.random.default_rng(opset).standard_normal((2, 2, 6, 6)).astype(np.float32)
    model = parity(many_words(opset), {"x": x})
    assert model.opset == opset


@pytest.mark.parametrize("opset", range(24, onnx.defs.onnx_opset_version() + 1))
def test_the_newest_opsets_are_read(opset: int) -> None:
    proto = many_words(23)
    proto.opset_import[0].version = opset
    x = np.random.default_rng(opset).standard_normal((2, 2, 6, 6)).astype(np.float32)
    from onnx.reference import ReferenceEvaluator

    (expected,) = ReferenceEvaluator(proto).run(None, {"x": x})
    close(ox.load(proto, verify="never").predict(x)["y"], expected, FLOAT32)


@pytest.mark.parametrize("opset", [7, 9, 11, 13, 17, 21])
@pytest.mark.parametrize("builder", [mlp, cnn], ids=lambda b: b.__name__)
def test_explanations_do_not_depend_on_the_opset(builder: Any, opset: int) -> None:
    data = next(iter(CASES[builder.__name__].data().values()))
    here = ox.explain(ox.load(builder(opset), dtype="float64"), data, "lrp").values
    there = ox.explain(ox.load(builder(17), dtype="float64"), data, "lrp").values
    close(here, there, 1e-12)


def test_an_opset_newer_than_onnx_is_refused_with_a_way_out() -> None:
    proto = mlp()
    newer = onnx.defs.onnx_opset_version() + 1
    proto.opset_import[0].version = newer
    with pytest.raises(ox.ModelError, match=rf"opset {newer}.*newer onnx"):
        ox.load(proto)


def test_a_model_comes_from_a_path_bytes_a_file_or_a_proto(tmp_path: Path) -> None:
    proto = mlp()
    path = tmp_path / "model.onnx"
    path.write_bytes(proto.SerializeToString())
    with path.open("rb") as file:
        models = [ox.load(s) for s in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), file, proto)]
    models.append(ox.load(io.BytesIO(path.read_bytes())))
    predictions = [m.predict(X)["y"] for m in models]
    for p in predictions[1:]:
        np.testing.assert_array_equal(p, predictions[0])
    assert ox.explain(path, X, "gradient").values.shape == (3, 6, 1)


def test_loading_leaves_the_proto_as_it_was() -> None:
    proto = VARIANTS["local functions"](mlp())
    before = proto.SerializeToString(deterministic=True)
    ox.explain(ox.load(proto, outputs=[o.name for o in proto.graph.output]), X, "lrp")
    assert proto.SerializeToString(deterministic=True) == before


def test_optional_inputs_may_be_left_out_in_the_middle_and_at_the_end() -> None:
    w = Writer(31)
    h = w.node("Clip", w.node("Clip", "x", "", w.constant(0.7)), w.constant(-0.4))
    h = w.node("Clip", h, "", "")
    h = w.node("Resize", w.node("Unsqueeze", h, w.constant([1])), "", "", w.constant([3, 1, 12]), mode="linear")
    w.node("Squeeze", h, to="y")
    parity(w.model({"x": ("N", 6)}, {"y": ("N", 12)}), {"x": X})


def test_any_of_a_nodes_outputs_may_be_read_explained_or_ignored() -> None:
    w = Writer(32)
    w.node("Split", "x", w.constant([2, 1, 3]), to=["first", "middle", "last"], axis=1)
    best, _ = w.node("TopK", "last", w.constant([2]), to=["best", "places"], axis=1)
    kept, _ = w.node("Dropout", "middle", to=["kept", "mask"])
    w.node("Concat", best, kept, axis=1, to="y")
    proto = w.model(
        {"x": ("N", 6)}, {"y": ("N", 3), "middle": ("N", 1), "mask": ("N", 1)}, types={"mask": TensorProto.BOOL}
    )
    model = parity(proto, {"x": X}, dtype="float32")
    e = ox.explain(model, X, "gradient", target={"y": "all", "middle": 0})
    assert set(e.predictions) == {"y", "middle"}
    gradients = e["x", "y"].values
    np.testing.assert_array_equal(gradients.sum(1), np.ones((3, 3)))
    assert not gradients[:, :2].any()
    np.testing.assert_array_equal(gradients[:, 2, 2], 1)
    np.testing.assert_array_equal(e["x", "middle"].values[0, :, 0], [0, 0, 1, 0, 0, 0])


def test_constants_are_folded_through_chains_of_nodes() -> None:
    w = Writer(33)
    shape = w.node("Concat", w.node("Mul", w.constant([2]), w.constant([3])), w.constant([5]), axis=0)
    weights = w.node("Transpose", w.node("Reshape", w.weight(30), shape))
    scaled = w.node("Mul", weights, w.node("Sqrt", w.node("Abs", w.weight(1))))
    w.node("MatMul", "x", w.node("Transpose", scaled, perm=[1, 0]), to="y")
    model = parity(w.model({"x": ("N", 6)}, {"y": ("N", 5)}), {"x": X})
    assert [n.op for n in model.graph.nodes] == ["MatMul"]


def test_an_output_may_be_an_input_or_a_constant() -> None:
    proto = mlp()
    proto.graph.output.append(helper.make_tensor_value_info("x", 1, ["N", 6]))
    proto.graph.output.append(helper.make_tensor_value_info("fixed", 1, [2]))
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 2], np.float32), "fixed"))
    model = ox.load(proto, verify="never")
    out = model.predict(X)
    np.testing.assert_array_equal(out["x"], X)
    np.testing.assert_array_equal(out["fixed"], [1, 2])
    e = ox.explain(model, X, "gradient", target={"y": 0, "x": 2})
    np.testing.assert_array_equal(e["x", "x"].values[..., 0], np.eye(6)[[2, 2, 2]])
    with pytest.raises(ox.TargetError, match="constant"):
        ox.explain(model, X, "gradient", target={"fixed": 0})


def test_a_model_without_weights_is_read() -> None:
    w = Writer()
    w.node("Mul", w.node("Relu", "x"), "x", to="y")
    parity(w.model({"x": ("N", 6)}, {"y": ("N", 6)}), {"x": X})


def test_half_precision_weights_are_computed_in_the_models_dtype() -> None:
    proto = copied(mlp())
    for t in proto.graph.initializer:
        t.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(t).astype(np.float16), t.name))
    for i in (*proto.graph.input, *proto.graph.output):
        i.type.tensor_type.elem_type = TensorProto.FLOAT16
    model = ox.load(proto)
    assert model.inputs["x"].dtype == "float16"
    (expected,) = onnxruntime_outputs(proto, {"x": X.astype(np.float16)}).values()
    close(model.predict(X.astype(np.float16))["y"], expected, 2e-2)


def test_sparse_weights_are_read() -> None:
    proto = copied(mlp())
    dense = numpy_helper.to_array(proto.graph.initializer[0]).copy()
    dense[np.abs(dense) < 0.4] = 0
    index = np.flatnonzero(dense)
    values = numpy_helper.from_array(dense.reshape(-1)[index], "c0")
    sparse = helper.make_sparse_tensor(values, numpy_helper.from_array(index.astype(np.int64), "c0 index"), dense.shape)
    other = copied(proto)
    del other.graph.initializer[0]
    other.graph.sparse_initializer.append(sparse)
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(dense, "c0"))
    close(ox.load(other, verify="never").predict(X)["y"], ox.load(proto).predict(X)["y"], 1e-6)


# Cutting ---------------------------------------------------------------------------------------------------------


def test_outputs_cut_the_graph_at_named_values() -> None:
    proto = residual()
    model = ox.load(proto, outputs=["h"])
    assert list(model.outputs) == ["h"] and len(model.raw.nodes) < len(proto.graph.node)
    data = CASES["residual"].data()
    whole = loaded("residual")
    expected = ox.explain(whole, data, "gradient", layers=["h"])
    assert model.predict(data)["h"].shape == expected.layers["h"].values.shape[:-1]
    assert ox.load(proto, outputs="h").predict(data)["h"].shape == (3, 6)


def test_inputs_cut_the_graph_at_named_values() -> None:
    proto = residual()
    tail, head = ox.load(proto, inputs=["h"]), ox.load(proto, outputs=["h"])
    assert list(tail.inputs) == ["h"] and tail.inputs["h"].shape == (None, 6)
    data = CASES["residual"].data()
    close(tail.predict(head.predict(data)["h"])["y"], ox.load(proto).predict(data)["y"], FLOAT32)


def test_a_cut_keeps_the_other_inputs_that_are_still_read() -> None:
    proto = CASES["branches"].proto()
    model = ox.load(proto, inputs=["v0"], outputs=["both"])
    assert list(model.inputs) == ["v0", "b"]


def test_an_internal_value_may_be_an_output_beside_the_final_one() -> None:
    model = ox.load(residual(), outputs=["y", "h"], dtype="float64")
    data = CASES["residual"].data()
    e = ox.explain(model, data, "gradient", target={"h": "all", "y": "predicted"})
    assert e["x", "h"].values.shape == (3, 4, 6) and e["x", "y"].values.shape == (3, 4, 1)


@pytest.mark.parametrize("what", ["inputs", "outputs"])
def test_a_cut_at_an_unknown_value_names_near_ones(what: str) -> None:
    with pytest.raises(ox.ModelError, match="hiddn.*near.*hidden"):
        ox.load(inner_output(), **{what: ["hiddn"]})


def test_an_empty_list_of_outputs_is_refused() -> None:
    with pytest.raises(ox.ModelError, match="outputs"):
        ox.load(inner_output(), outputs=[])


# Unsupported operators ---------------------------------------------------------------------------------------------


def strange() -> ModelProto:
    w = Writer(41)
    h = w.dense("x", 6, 5, to="before")
    for i in range(2):
        h = w.node("Strange", h, domain="made.up", name=f"strange {i}")
    h = w.node("Odd", h, domain="made.up", name="odd")
    w.dense(h, 5, 3, to="y")
    return w.model({"x": ("N", 6)}, {"y": ("N", 3)}, imports=[helper.make_opsetid("made.up", 1)])


def test_all_unsupported_operators_are_listed_at_once_with_counts_names_opset_and_a_cut() -> None:
    with pytest.raises(ox.UnsupportedOpError) as error:
        ox.load(strange())
    text = str(error.value)
    for part in (
        "3 nodes of 2 operators",
        "made.up:Strange × 2",
        "'strange 0'",
        "'strange 1'",
        "made.up:Odd × 1",
        "'odd'",
        "opset 17",
    ):
        assert part in text, part
    assert error.value.missing == {"made.up:Strange": ["strange 0", "strange 1"], "made.up:Odd": ["odd"]}
    assert "outputs=['before']" in text and "inputs=['v3']" in text
    assert isinstance(error.value, ox.ModelError)


def test_the_cuts_that_the_error_proposes_work() -> None:
    model = ox.load(strange(), outputs=["before"])
    assert model.predict(X)["before"].shape == (3, 5)
    tail = ox.load(strange(), inputs=["v3"], verify="never")
    assert tail.predict(X[:, :5])["y"].shape == (3, 3)


def test_unknown_operators_over_constants_are_reported_not_folded() -> None:
    proto = weights_as_constant_nodes(strange())
    with pytest.raises(ox.UnsupportedOpError, match="made.up:Odd"):
        ox.load(proto)
