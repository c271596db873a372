"""Operators without a layer that carry no relevance are computed by ONNX's reference evaluator; no others are."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.errors import InputError, UnsupportedOpError
from onnxplain.frontend.build import build
from onnxplain.frontend.read import read
from onnxplain.graph.plan import Forward
from onnxplain.layers.integer.host import Host

RANDOM = np.random.default_rng(0)


def model(
    nodes: list[Any],
    inputs: dict[str, tuple[int, list[Any]]],
    outputs: dict[str, int],
    weights: dict[str, Any] | None = None,
    opset: int = 17,
) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(n, e, s) for n, (e, s) in inputs.items()],
        [helper.make_tensor_value_info(n, e, None) for n, e in outputs.items()],
        [numpy_helper.from_array(np.asarray(w), n) for n, w in (weights or {}).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


def detector() -> ModelProto:
    """Boxes and scores are linear in x; the scores of the boxes that are kept come out, best first."""
    node = helper.make_node
    weights = {
        "wb": RANDOM.standard_normal((5, 6 * 4)).astype(np.float32),
        "ws": RANDOM.standard_normal((5, 6)).astype(np.float32),
        "boxes_shape": np.array([1, 6, 4]),
        "scores_shape": np.array([1, 1, 6]),
        "most": np.array([3]),
        "overlap": np.array([0.5], np.float32),
    }
    nodes = [
        node("MatMul", ["x", "wb"], ["b"]),
        node("Reshape", ["b", "boxes_shape"], ["boxes"]),
        node("MatMul", ["x", "ws"], ["s"]),
        node("Reshape", ["s", "scores_shape"], ["scores"]),
        node("NonMaxSuppression", ["boxes", "scores", "most", "overlap"], ["kept"], name="nms"),
        node("GatherND", ["scores", "kept_places"], ["y"]),
    ]
    nodes.insert(5, node("Identity", ["kept"], ["kept_places"]))
    return model(nodes, {"x": (TensorProto.FLOAT, [1, 5])}, {"y": TensorProto.FLOAT}, weights)


X = RANDOM.standard_normal((1, 5)).astype(np.float32)


def test_boxes_are_suppressed_and_the_scores_that_are_left_explained() -> None:
    proto = detector()
    read_model = ox.load(proto, batch_axis={"y": None})  # verified against onnxruntime
    wanted = ReferenceEvaluator(proto).run(None, {"x": X})[0]
    np.testing.assert_allclose(read_model.predict({"x": X})["y"], wanted, rtol=1e-6)
    e = ox.explain(read_model, {"x": X}, "lrp", target=[0])
    np.testing.assert_allclose(e.values.sum(), wanted[0], rtol=1e-4)


def test_coverage_says_who_computes_it_and_that_it_carries_no_relevance() -> None:
    rows = {r["node"]: r["rule"] for r in ox.load(detector(), verify="never").coverage_rows(ox.LRP())}
    assert rows["nms"] == "computed by onnxruntime, carries no relevance"
    cast = ox.load(bits(), verify="never")
    assert [r["rule"] for r in cast.coverage_rows(ox.LRP())] == [
        "computed by onnx's reference evaluator, carries no relevance"
    ]
    assert "no relevance" not in str(cast)


def bits() -> ModelProto:
    node = helper.make_node("BitCast", ["ids"], ["y"], name="bits", to=TensorProto.FLOAT)
    return model([node], {"ids": (TensorProto.INT32, [2, 3])}, {"y": TensorProto.FLOAT}, opset=26)


def test_numbers_made_of_whole_numbers_come_out_in_the_models_own_type() -> None:
    wanted = np.array([[1.5, -2.0, 0.25], [0.0, 3e-7, 1.0]], np.float32)
    for dtype in ("float32", "float64"):
        y = ox.load(bits(), verify="never", dtype=dtype).graph
        made = Forward(y, y.inputs, y.outputs, []).run({"ids": torch.from_numpy(wanted.view(np.int32))})["y"]
        assert made.dtype == getattr(torch, dtype)
        np.testing.assert_array_equal(made.numpy(), wanted)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bits_are_those_of_the_type_the_file_states(dtype: str) -> None:
    nodes = [helper.make_node("BitCast", ["x"], ["y"], to=TensorProto.INT32)]
    proto = model(nodes, {"x": (TensorProto.FLOAT, [3])}, {"y": TensorProto.INT32}, opset=26)
    x = np.array([1.5, -0.0, 3e-7], np.float32)
    graph = build(read(proto), dtype=getattr(torch, dtype)).graph
    made = Forward(graph, graph.inputs, graph.outputs, []).run({"x": torch.from_numpy(x).to(getattr(torch, dtype))})
    np.testing.assert_array_equal(made["y"].numpy(), x.view(np.int32))


def test_many_threads_get_what_one_gets() -> None:
    graph = build(read(detector()), dtype=torch.float64).graph
    assert any(isinstance(n.layer, Host) for n in graph.nodes)
    feeds = [{"x": torch.from_numpy(RANDOM.standard_normal((1, 5)))} for _ in range(40)]

    def run(feed: dict[str, torch.Tensor]) -> torch.Tensor:
        return Forward(graph, graph.inputs, graph.outputs, []).run(feed)["y"]

    alone = [run(f) for f in feeds]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(run, feeds))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))


def kept(element: int) -> ModelProto:
    """The boxes that stay of some that are given, of a floating type."""
    node = helper.make_node("NonMaxSuppression", ["boxes", "scores"], ["y"], name="nms")
    return model([node], {n: (element, [None] * 3) for n in ("boxes", "scores")}, {"y": TensorProto.INT64})


def test_a_type_that_the_operator_is_not_defined_for_is_not_handed_over() -> None:
    with pytest.raises(UnsupportedOpError, match="NonMaxSuppression"):
        build(read(kept(TensorProto.DOUBLE)))


def test_floating_numbers_made_of_an_inputs_floating_numbers_are_never_handed_over() -> None:
    node = helper.make_node("BatchNormalization", ["x", "s", "b", "m", "v"], ["y", "m2", "v2"])
    one = np.ones(2, np.float32)
    proto = model(
        [node],
        {"x": (TensorProto.FLOAT, [3, 2])},
        {"y": TensorProto.FLOAT},
        {"s": one, "b": one, "m": one, "v": one},
        opset=9,
    )
    with pytest.raises(UnsupportedOpError, match="BatchNormalization"):
        build(read(proto))


def test_what_goes_wrong_outside_names_the_node() -> None:
    graph = build(read(kept(TensorProto.FLOAT))).graph
    with pytest.raises(InputError, match="'nms'.*onnxruntime says"):
        Forward(graph, graph.inputs, graph.outputs, []).run({"boxes": torch.zeros(1, 6, 3), "scores": torch.zeros(1, 1, 6)})


def test_unsigned_numbers_wrap_around_at_the_end_of_their_type() -> None:
    nodes = [helper.make_node("Sub", ["x", "one"], ["less"]), helper.make_node("BitwiseNot", ["less"], ["bits"]),
             helper.make_node("Cast", ["bits"], ["y"], to=TensorProto.FLOAT)]  # fmt: skip
    proto = model(
        nodes, {"x": (TensorProto.UINT16, [3])}, {"y": TensorProto.FLOAT}, {"one": np.array([1], np.uint16)}, opset=18
    )
    x = np.array([0, 1, 40000], np.uint16)
    graph = build(read(proto)).graph
    made = Forward(graph, graph.inputs, graph.outputs, []).run({"x": torch.from_numpy(x.astype(np.int64))})
    np.testing.assert_array_equal(made["y"].numpy(), (~(x - np.uint16(1))).astype(np.float32))
