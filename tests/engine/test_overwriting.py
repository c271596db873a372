"""A ReLU or a sum is written over what it reads only where nothing else can see that: no reader, no view, no one who keeps it."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.graph.overwriting import overwriting
from onnxplain.graph.plan import Forward

X = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)


def model(*nodes: onnx.NodeProto) -> ox.Model:
    """x (n, 4) → y, with a constant w (4, 4)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(list(nodes), "g", [x], [y], [numpy_helper.from_array(W, "w")])
    return ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), dtype="float32")


def n(op: str, reads: str, makes: str, **attributes) -> onnx.NodeProto:
    return helper.make_node(op, reads.split(), [makes], name=makes, **attributes)


CASES = {
    "after a product": (True, [n("MatMul", "x w", "z"), n("Relu", "z", "y")]),
    "after a sum": (True, [n("MatMul", "x w", "z"), n("Add", "z x", "s"), n("Relu", "s", "y")]),
    "of the input": (False, [n("Relu", "x", "y")]),
    "of a view": (False, [n("MatMul", "x w", "z"), n("Flatten", "z", "f"), n("Relu", "f", "h"), n("Add", "h z", "y")]),
    "read before": (False, [n("MatMul", "x w", "z"), n("Exp", "z", "e"), n("Relu", "z", "h"), n("Add", "h e", "y")]),
    "viewed before": (False, [n("MatMul", "x w", "z"), n("Flatten", "z", "f"), n("Relu", "z", "h"), n("Add", "h f", "y")]),
    "read after": (False, [n("MatMul", "x w", "z"), n("Relu", "z", "h"), n("Add", "h z", "y")]),
}


@pytest.mark.parametrize(("over", "nodes"), CASES.values(), ids=CASES)
def test_only_what_nobody_else_can_see_is_written_over(over, nodes):
    m = model(*nodes)
    found = overwriting(m.graph.nodes, {"x", "y"})
    assert bool(found) is over
    plan = Forward(m.graph, ["x"], m.graph.outputs, [])
    given = torch.from_numpy(X.copy())
    made = plan.run({"x": given})[m.graph.outputs[0]]
    assert np.array_equal(given.numpy(), X)
    reference = Forward(m.graph, ["x"], m.graph.outputs, None).run({"x": given})[m.graph.outputs[0]]
    assert torch.equal(made, reference)


@pytest.mark.parametrize(("over", "nodes"), CASES.values(), ids=CASES)
def test_explanations_leave_data_and_layers_as_they_are(over, nodes):
    m, x = model(*nodes), X.copy()
    for method in (ox.Gradient(), ox.LRP("epsilon"), ox.DeepLift()):
        once = ox.explain(m, x, method, target=[0], layers="all", progress=False)
        again = ox.explain(m, x, method, target=[0], progress=False)
        assert np.array_equal(once.values, again.values)
    assert np.array_equal(x, X)


def test_a_value_that_is_kept_is_not_written_over():
    nodes = model(n("MatMul", "x w", "z"), n("Relu", "z", "y")).graph.nodes
    z = nodes[0].outputs[0]
    assert not overwriting(nodes, {"x", "y", z})


@pytest.mark.parametrize(("name", "over", "nodes"), [(name, *case) for name, case in CASES.items()], ids=CASES)
def test_what_is_given_to_one_pass_alone_may_be_written_over(name, over, nodes):
    m, whole = model(*nodes), torch.from_numpy(X)
    read = name == "of the input"
    assert bool(overwriting(m.graph.nodes, {"y"}, spent={"x"})) is (over or read)
    assert not read or not overwriting(m.graph.nodes, {"x", "y"}, spent={"x"})  # kept all the same
    given = whole.clone()
    made = Forward(m.graph, ["x"], m.graph.outputs, [], spent=["x"]).run({"x": given})[m.graph.outputs[0]]
    assert torch.equal(made, Forward(m.graph, ["x"], m.graph.outputs, None).run({"x": whole})[m.graph.outputs[0]])
    assert torch.equal(given, whole) is not read


SUMS = {
    "of a product and the input": (True, [n("MatMul", "x w", "z"), n("Add", "z x", "y")]),
    "of the input and a product": (True, [n("MatMul", "x w", "z"), n("Sum", "x z", "y")]),
    "of two products": (True, [n("MatMul", "x w", "z"), n("MatMul", "x w", "v"), n("Add", "z v", "y")]),
    "of one row and all": (True, [n("MatMul", "x w", "z"), n("ReduceMax", "x", "m", axes=[1]), n("Add", "m z", "y")]),
    "of a value read again": (False, [n("MatMul", "x w", "z"), n("Add", "z x", "s"), n("Mul", "s z", "y")]),
    "of a value and itself": (False, [n("MatMul", "x w", "z"), n("Add", "z z", "y")]),
    "of a view": (False, [n("MatMul", "x w", "z"), n("Flatten", "z", "f"), n("Add", "f x", "s"), n("Mul", "s z", "y")]),
    "a difference": (False, [n("MatMul", "x w", "z"), n("Sub", "z x", "y")]),
}


@pytest.mark.parametrize(("over", "nodes"), SUMS.values(), ids=SUMS)
def test_a_sum_is_written_over_what_nobody_else_can_see(over, nodes):
    m, whole = model(*nodes), torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    given, (output,) = whole.clone(), m.graph.outputs
    assert bool(overwriting(m.graph.nodes, {"x", "y"})) is over
    made = Forward(m.graph, ["x"], [output], []).run({"x": given})[output]
    assert torch.equal(given, whole)
    everything = Forward(m.graph, ["x"], [output], None)
    assert not overwriting(m.graph.nodes, set(everything.index))  # what is kept is not written over
    assert torch.equal(made, everything.run({"x": whole})[output])


def test_a_sum_takes_no_memory_of_its_own():
    m, x = model(n("MatMul", "x w", "z"), n("Add", "x z", "y")), torch.randn(2000, 4)
    product, total = Forward(m.graph, ["x"], ["y"], []).calls
    z = product[1](x)
    assert total[1](x, z).data_ptr() == z.data_ptr()
