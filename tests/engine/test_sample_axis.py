"""Where the samples lie, and models that insist on how many there are: the user sees the same result."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from .build import Writer
from .models import CASES, cnn, fixed, loaded, sequence_first
from .oracle import close, gradient
from .table import METHODS

METHOD = (
    "gradient",
    "lrp",
    "deeplift",
    "deepshap",
    "integrated_gradients",
    "smoothgrad",
    "expected_gradients",
    "smooth_lrp",
)
pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")


@pytest.mark.parametrize("method", METHOD)
@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("n", [1, 3, 4, 5])
def test_a_fixed_number_of_rows_gives_what_a_free_one_gives(method: str, rows: int, n: int) -> None:
    data = CASES["fixed_1"].data(n)
    chosen = METHODS[method]("fixed_1")
    free = ox.load(fixed_free(), dtype="float64", verify="never")
    expected = ox.explain(free, data, chosen, target="all", seed=3)
    e = ox.explain(loaded(f"fixed_{rows}"), data, chosen, target="all", seed=3)
    close(e.values, expected.values, 1e-12)
    close(e.goals["y"], expected.goals["y"], 1e-12) if np.isfinite(expected.goals["y"]).all() else None
    close(e.predictions["y"], expected.predictions["y"], 1e-12)
    close(loaded(f"fixed_{rows}").predict(data)["y"], free.predict(data)["y"], 1e-12)


def fixed_free() -> Any:
    """The same net with a free axis in its Reshape and its input."""
    from onnx import numpy_helper

    proto = fixed(1)
    for t in proto.graph.initializer:
        if tuple(t.dims) == (2,):
            t.CopyFrom(numpy_helper.from_array(np.array([-1, 12]), t.name))
    for i in (*proto.graph.input, *proto.graph.output):
        i.type.tensor_type.shape.dim[0].dim_param = "N"
    return proto


def test_samples_on_axis_one_come_first_in_results() -> None:
    case, data = CASES["sequence_first"], CASES["sequence_first"].data(4)
    assert data["x"].shape == (7, 4, 4)
    e = ox.explain(loaded("sequence_first"), data, "gradient", target=1)
    expected = gradient(loaded("sequence_first"), data, lambda v: v["y"][:, 1], ["y"])["x"]
    close(e.values[..., 0], np.moveaxis(expected, 1, 0))
    assert e["x"].values.shape == (4, *case.shapes["x"], 1)


def test_the_sample_axis_is_found_by_its_symbol() -> None:
    proto = sequence_first()
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 7
    model = ox.load(proto, dtype="float64")
    assert model.inputs["x"].batch_axis == 1 and model.outputs["y"].batch_axis == 0
    data = CASES["sequence_first"].data(3)
    close(ox.explain(model, data, "lrp").values, ox.explain(loaded("sequence_first"), data, "lrp").values)


def test_one_number_as_batch_axis_is_meant_for_every_value() -> None:
    w = Writer(111)
    w.node("Tanh", w.node("MatMul", "x", w.weight(4, 3)), to="y")
    proto = w.model({"x": (5, "N", 4)}, {"y": (5, "N", 3)})
    model = ox.load(proto, batch_axis=-2, dtype="float64")
    x = np.random.default_rng(0).standard_normal((5, 2, 4))
    e = ox.explain(model, x, "gradient", target=(4, 1))
    assert e.values.shape == (2, 5, 4, 1) and not e.values[:, :4].any()
    close(e.predictions["y"][:, 0], model.predict(x)["y"][4, :, 1])


def test_outputs_with_samples_on_another_axis_are_targets_like_any_other() -> None:
    w = Writer(112)
    w.node("Transpose", w.dense(w.node("Relu", w.dense("x", 4, 6)), 6, 3), to="y", perm=[1, 0])
    proto = w.model({"x": ("N", 4)}, {"y": (3, "N")})
    model = ox.load(proto, batch_axis={"y": 1}, dtype="float64")
    data = CASES["linear"].data(4)
    e = ox.explain(model, data, ox.DeepLift(), target="all", chunk_size=3)
    assert e.values.shape == (4, 4, 3)
    close(e.predictions["y"], model.predict(data)["y"].T)
    close(e.sums["y"], e.goals["y"], 1e-12)


def test_a_setting_shared_by_all_samples_gets_its_own_attribution_for_each() -> None:
    data, model = CASES["setting"].data(4), loaded("setting")
    e = ox.explain(model, data, "gradient", target=1)
    assert e["strength"].values.shape == (4, 1) and e["x"].values.shape == (4, 4, 1)
    for i in range(4):
        row = {"x": data["x"][i : i + 1], "strength": data["strength"]}
        expected = gradient(model, row, lambda v: v["y"][:, 1], ["y"])
        close(e["x"].values[i, :, 0], expected["x"][0])
        close(e["strength"].values[i, 0], expected["strength"])


def test_many_rows_are_predicted_in_pieces_with_the_same_result() -> None:
    data = CASES["cnn"].data(600)["x"]
    model = loaded("cnn")
    whole = model.predict(data)["y"]
    close(whole[255:260], model.predict(data[255:260])["y"], 1e-12)
    assert whole.shape == (600, 4)


def test_a_model_exported_for_one_sample_takes_many() -> None:
    data = CASES["cnn"].data(5)
    model = ox.load(cnn(rows=1), dtype="float64")
    close(
        ox.explain(model, data, "lrp", target="all").values,
        ox.explain(loaded("cnn"), data, "lrp", target="all").values,
        1e-12,
    )


def with_table(rows: int | str, table_rows: int, out: int | str) -> Any:
    """a (rows, 4) and a table b (table_rows, 3), whose mean row is added to every sample."""
    w = Writer(113)
    table = w.node("MatMul", "b", w.weight(3, 4))
    w.dense(w.node("Add", "a", w.node("ReduceMean", table, axes=[0], keepdims=1)), 4, 2, to="y")
    return w.model({"a": (rows, 4), "b": (table_rows, 3)}, {"y": (out, 2)})


@pytest.mark.parametrize("rows", [1, "N"])
@pytest.mark.parametrize("given", [None, {"b": None}])
def test_a_fixed_size_beside_one_or_a_free_size_is_that_of_a_table_all_samples_share(rows: Any, given: Any) -> None:
    model = ox.load(with_table(rows, 6, rows), batch_axis=given, dtype="float64")
    assert model.inputs["a"].batch_axis == 0 and model.inputs["b"].batch_axis is None
    data = {"a": np.random.default_rng(0).random((3, 4)), "b": np.ones((6, 3))}
    assert model.predict(data)["y"].shape == (3, 2)
    e = ox.explain(model, data, "deeplift", target="all")
    assert e["b"].values.shape == (3, 6, 3, 2)
    close(e.sums["y"], e.goals["y"], 1e-12)


def test_where_fixed_sizes_differ_and_none_is_one_a_call_is_one_sample() -> None:
    model = ox.load(with_table(3, 6, 3), dtype="float64")
    assert [s.batch_axis for s in (*model.inputs.values(), *model.outputs.values())] == [None] * 3
    rng = np.random.default_rng(1)
    data = {"a": rng.random((3, 4)), "b": rng.random((6, 3))}
    e = ox.explain(model, data, "gradient", target=[(0, 1), (2, 0)])
    assert e["a"].values.shape == (1, 3, 4, 2) and e["b"].values.shape == (1, 6, 3, 2)
    for k, (row, unit) in enumerate([(0, 1), (2, 0)]):
        expected = gradient(model, data, lambda v, at=(row, unit): v["y"][at], ["y"])
        close(e["a"].values[0, ..., k], expected["a"])
        close(e["b"].values[0, ..., k], expected["b"])
    with pytest.raises(ox.InputError, match="wants size 3 on axis 0"):
        model.predict({"a": data["a"][:2], "b": data["b"]})


def test_inputs_that_insist_on_different_numbers_of_samples_say_what_to_do() -> None:
    model = ox.load(with_table(3, 6, 3), batch_axis=0, dtype="float64", verify="never")
    with pytest.raises(ox.InputError, match="batch_axis"):
        ox.explain(model, {"a": np.ones((3, 4)), "b": np.ones((6, 3))}, "gradient")


def test_predictions_have_the_types_the_file_declares_and_take_infinite_numbers() -> None:
    from onnx import TensorProto, helper

    nodes = [helper.make_node("Cast", ["x"], ["y"], to=TensorProto.FLOAT16), helper.make_node("Cast", ["x"], ["z"], to=TensorProto.DOUBLE)]
    nodes.append(helper.make_node("ArgMax", ["x"], ["k"], axis=1, keepdims=0))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [
            helper.make_tensor_value_info("y", TensorProto.FLOAT16, ["N", 3]),
            helper.make_tensor_value_info("z", TensorProto.DOUBLE, ["N", 3]),
            helper.make_tensor_value_info("k", TensorProto.INT64, ["N"]),
        ],
    )
    model = ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), verify="never")
    x = np.array([[-np.inf, 0.5, 2.0]], np.float32)
    out = model.predict(x)
    assert {o: y.dtype for o, y in out.items()} == {"y": np.float16, "z": np.float64, "k": np.int64}
    assert np.array_equal(out["y"], x) and out["k"].tolist() == [2]
    assert model.predict(np.zeros((0, 3), np.float32))["z"].shape == (0, 3)


def test_free_axes_beside_the_samples_may_differ_from_call_to_call() -> None:
    case = CASES["sequence_first"]
    for length in (3, 9):
        x = np.random.default_rng(length).standard_normal((length, 2, 4))
        assert ox.explain(loaded("sequence_first"), x, "deeplift").values.shape == (2, length, 4, 1)
    assert case.options["batch_axis"] == {"x": 1}


def test_an_output_that_mixes_the_samples_is_refused() -> None:
    w = Writer(114)
    w.node("ReduceMean", w.dense("x", 4, 3), to="y", axes=[0], keepdims=1)
    model = ox.load(w.model({"x": ("N", 4)}, {"y": (1, 3)}), dtype="float64")
    with pytest.raises(ox.InputError, match="'y' has 1 rows for . samples.*batch_axis"):
        ox.explain(model, CASES["linear"].data(3), "gradient", chunk_size=3)
