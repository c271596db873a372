"""Operators written out by ONNX's own definitions: defaults, weights and missing inputs are what the standard says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import onnxplain as ox
from onnxplain.frontend.build import build
from onnxplain.frontend.read import read
from onnxplain.graph.graph import Graph
from onnxplain.graph.plan import Forward

RANDOM = np.random.default_rng(0)


def values(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def model(
    nodes: list[Any],
    inputs: dict[str, np.ndarray],
    outputs: list[str],
    opset: int,
    weights: dict[str, np.ndarray] | None = None,
    domain: str = "",
) -> ModelProto:
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in inputs.items()
    ]
    outs = [helper.make_tensor_value_info(o, TensorProto.FLOAT, None) for o in outputs]
    stored = [numpy_helper.from_array(w, n) for n, w in (weights or {}).items()]
    imports = [helper.make_opsetid("", opset), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(helper.make_graph(nodes, "g", infos, outs, stored), opset_imports=imports, ir_version=10)


def equals_the_reference(proto: ModelProto, feeds: dict[str, np.ndarray]) -> Graph:
    graph = build(read(proto)).graph
    trace = Forward(graph, graph.inputs, graph.outputs, []).run({n: torch.from_numpy(feeds[n]) for n in graph.inputs})
    for o, y in zip(graph.outputs, ReferenceEvaluator(proto).run(None, feeds), strict=True):
        np.testing.assert_allclose(trace[o].numpy(), y, rtol=1e-5, atol=1e-5)
    return graph


@pytest.mark.parametrize("op", ["HannWindow", "HammingWindow", "BlackmanWindow"])
@pytest.mark.parametrize("periodic", [None, 0, 1])
def test_a_window_leaves_its_attributes_at_their_defaults(op: str, periodic: int | None) -> None:
    node = helper.make_node(op, ["n"], ["y"], **({} if periodic is None else {"periodic": periodic}))
    feeds = {"n": np.array(7, np.int64)}
    equals_the_reference(model([node], feeds, ["y"], 17), feeds)


LINEAR = {
    "plain": (["q", "k", "v"], {"update_rule": "linear"}),
    "with a decay, without a state": (["q", "k", "v", "", "decay"], {"update_rule": "gated"}),
    "with a state": (["q", "k", "v", "state", "decay", "beta"], {}),
}


@pytest.mark.parametrize("name", LINEAR)
@pytest.mark.parametrize("stored", [False, True], ids=["computed", "stored"])
def test_linear_attention_is_its_definition_whichever_inputs_it_leaves_out(name: str, stored: bool) -> None:
    names, attributes = LINEAR[name]
    shapes = {
        "q": (2, 5, 8),
        "k": (2, 5, 8),
        "v": (2, 5, 6),
        "state": (2, 2, 4, 3),
        "decay": (2, 5, 8),
        "beta": (2, 5, 2),
    }
    feeds = {n: -np.abs(values(*shapes[n])) if n == "decay" else values(*shapes[n]) for n in names if n}
    node = helper.make_node("LinearAttention", names, ["y", "present"], q_num_heads=2, kv_num_heads=2, **attributes)
    held = {n: x for n, x in feeds.items() if stored and n != "q"}
    given = {n: x for n, x in feeds.items() if n not in held}
    graph = equals_the_reference(model([node], given, ["y", "present"], 27, held), given)
    assert not any(n.op.startswith("LinearAttention") for n in graph.nodes)


def test_flex_attention_is_its_definition_where_keys_are_stored() -> None:
    q, k = values(2, 3, 4, 8), values(2, 3, 6, 8)
    node = helper.make_node("FlexAttention", ["q", "k", "v"], ["y"], domain="ai.onnx.preview")
    proto = model([node], {"q": q}, ["y"], 26, {"k": k, "v": values(2, 3, 6, 8)}, "ai.onnx.preview")
    graph = equals_the_reference(proto, {"q": q})
    assert "Softmax" in {n.kind for n in graph.nodes}


def leaky() -> list[Any]:
    """A leaky ReLU as ONNX's own function writes it, its numbers cast to the type of x."""
    node, number = helper.make_node, lambda v: numpy_helper.from_array(np.float32(v))
    return [
        node("Constant", [], ["a"], value=number(0.1)),
        node("Constant", [], ["zero"], value=number(0.0)),
        node("CastLike", ["a", "x"], ["alpha"]),
        node("CastLike", ["zero", "x"], ["nothing"]),
        node("Less", ["x", "nothing"], ["below"]),
        node("Mul", ["alpha", "x"], ["scaled"]),
        node("Where", ["below", "scaled", "x"], ["y"]),
    ]


def test_a_constant_cast_like_a_value_is_that_constant_not_the_value() -> None:
    x = values(3, 4)
    graph = equals_the_reference(model(leaky(), {"x": x}, ["y"], 16), {"x": x})
    assert {n.op: n.kind for n in graph.nodes} == {"Less": "Integer", "Mul": "Affine", "Where": "Routing"}


def test_a_constant_cast_like_a_value_of_unknown_type_is_not_taken_for_the_value() -> None:
    x = values(3, 4)
    nodes = [helper.make_node("Unheard", ["x"], ["h"], domain="nobody"), *leaky()]
    proto = model(nodes, {"x": x}, ["y"], 16, domain="nobody")
    for n in proto.graph.node[1:]:
        n.input[:] = ["h" if v == "x" else v for v in n.input]
    read_from_h = ox.load(proto, inputs=["h"], verify="never")
    np.testing.assert_allclose(read_from_h.predict({"h": x})["y"], np.where(x < 0, 0.1 * x, x), rtol=1e-6)
