"""Operators without a layer that ONNX itself defines by simpler ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

import onnxplain as ox

from ..promises import deep_lift_is_complete, gradient_equals_autograd, relevance_is_accounted_for


def model_of(op: str, shapes: dict[str, Sequence[int | str]], opset: int, **attributes: object) -> onnx.ModelProto:
    """One node between floating inputs of these shapes, axes (if an input is called so) constant, and "y"."""
    constants = [helper.make_tensor("axes", TensorProto.INT64, [1], [1])] if "axes" in shapes else []
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items() if n != "axes"]
    node = helper.make_node(op, list(shapes), ["y"], **attributes)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], op, inputs, [y], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)


CASES = {
    **{
        op: model_of(op, {"x": ("n", 5), "axes": (1,)}, 18, keepdims=0)
        for op in ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
    },
    "Attention": model_of("Attention", {n: ("n", 2, 4, 3) for n in "qkv"}, 23),
    "causal Attention": model_of("Attention", {n: ("n", 2, 4, 3) for n in "qkv"}, 23, is_causal=1, scale=0.7),
}


@pytest.mark.parametrize("name", CASES)
def test_it_is_explained_through_its_definition(name: str) -> None:
    rng = np.random.default_rng(0)
    shape = (2, 5) if "Reduce" in name else (2, 2, 4, 3)
    model = ox.load(CASES[name], verify="always", example={n: example(rng, shape) for n in inputs_of(name)})
    assert model.inputs.keys() == set(inputs_of(name))
    double = ox.load(CASES[name], dtype="float64", verify="never")
    data = {n: example(rng, shape) for n in inputs_of(name)}
    gradient_equals_autograd(double, data)
    deep_lift_is_complete(double, data, 1e-9, 0.5)
    relevance_is_accounted_for(double, data)


def example(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Positive numbers, which have logarithms."""
    return np.abs(rng.normal(size=shape)) + 0.1


def inputs_of(name: str) -> list[str]:
    return [i.name for i in CASES[name].graph.input]


def test_the_operators_that_it_is_made_of_have_layers_of_their_own() -> None:
    graph = ox.load(CASES["Attention"], verify="never").graph
    operators = [n.op for n in graph.nodes]
    assert "Attention" not in operators
    assert operators.count("Softmax") == 1
    assert operators.count("MatMul") == 2


def test_random_operators_are_layers_of_their_own_and_not_written_out() -> None:
    node = helper.make_node("Bernoulli", ["x"], ["y"])
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", 3]) for n in "xy"]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:])
    model = ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), verify="never")
    assert [n.op for n in model.graph.nodes] == ["Bernoulli"]
    drawn = model.predict(np.tile(np.array([0.0, 0.5, 1.0], np.float32), (64, 1)))["y"]
    assert (drawn[:, 0] == 0).all() and (drawn[:, 2] == 1).all() and set(drawn[:, 1].tolist()) == {0.0, 1.0}
