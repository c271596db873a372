"""A walk writes over relevance only where nobody else can see that: what is read off it, shared, observed or given stays."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch.utils._python_dispatch import TorchDispatchMode

import onnxplain as ox
from onnxplain.graph.plan import Backward, Forward
from onnxplain.layers import shapes
from onnxplain.rules import temporaries
from onnxplain.rules.gradient import Adjoint

X = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(4, 4)).astype(np.float32)
METHODS = (ox.Gradient(), ox.LRP("epsilon"), ox.LRP("epsilon_alpha2_beta1"), ox.DeepLift(), ox.DeepShap(X[:2]), ox.GuidedBackprop())


def n(op: str, reads: str, makes: str, **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, reads.split(), [makes], name=makes, **attributes)


NODES = {
    "chain": [n("MatMul", "x w", "a"), n("Relu", "a", "b"), n("MatMul", "b w", "c"), n("Relu", "c", "d"), n("MatMul", "d w", "y")],
    "skip": [
        *(n("MatMul", "x w", "a"), n("Relu", "a", "b"), n("MatMul", "b w", "c"), n("Relu", "c", "d")),
        *(n("MatMul", "d w", "e"), n("Add", "e b", "f"), n("Relu", "f", "g"), n("MatMul", "g w", "y")),
    ],
    "two branches of one sum": [
        *(n("MatMul", "x w", "a"), n("Relu", "a", "b"), n("MatMul", "x w", "c"), n("Relu", "c", "d")),
        *(n("Add", "b d", "e"), n("MatMul", "e w", "y")),
    ],
    "twice the same": [n("MatMul", "x w", "a"), n("Relu", "a", "b"), n("Add", "b b", "c"), n("Relu", "c", "d"), n("MatMul", "d w", "y")],
    "views": [
        *(n("MatMul", "x w", "a"), n("Relu", "a", "b"), n("Flatten", "b", "c"), n("Relu", "c", "d")),
        *(n("Add", "d b", "e"), n("MatMul", "e w", "y")),
    ],
    "smooth": [n("MatMul", "x w", "a"), n("Tanh", "a", "b"), n("Mul", "b a", "c"), n("Relu", "c", "d"), n("MatMul", "d w", "y")],
}


def model(nodes: list[onnx.NodeProto]) -> ox.Model:
    """x (n, 4) → y, with a constant w (4, 4)."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4])
    graph = helper.make_graph(nodes, "g", [x], [y], [numpy_helper.from_array(W, "w")])
    return ox.load(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))


def large(monkeypatch: pytest.MonkeyPatch, few: int) -> None:
    for module in (shapes, temporaries):
        monkeypatch.setattr(module, "FEW", few)


@pytest.mark.parametrize("method", METHODS, ids=repr)
@pytest.mark.parametrize("nodes", NODES.values(), ids=NODES)
@pytest.mark.parametrize("options", [{}, {"layers": "all"}, {"layers": ["b"]}], ids=str)
def test_the_numbers_are_those_of_new_tensors(nodes, method, options, monkeypatch):
    m, x = model(nodes), X.copy()
    for target in (0, [0, 1, 3], [0, 0]):
        with monkeypatch.context() as patched:
            large(patched, 10**9)
            beside = ox.explain(m, x, method, target=target, progress=False, **options)
        with monkeypatch.context() as patched:
            large(patched, 0)
            over = ox.explain(m, x, method, target=target, progress=False, **options)
        assert np.array_equal(over.values, beside.values)
        for v in beside.layers:
            assert np.array_equal(over.layers[v].values, beside.layers[v].values)
    assert np.array_equal(x, X)


class Written(TorchDispatchMode):
    """The operations by which a ReLU's gradient was written over something."""

    def __init__(self) -> None:
        super().__init__()
        self.over = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.over += func is torch.ops.aten.threshold_backward.grad_input
        return func(*args, **(kwargs or {}))


def walk(nodes: list[onnx.NodeProto], wanted: tuple[str, ...] = (), **options: object) -> tuple[int, dict[str, torch.Tensor]]:
    g = model(nodes).graph
    back = Backward(g, g.outputs, g.inputs, {v.name: Adjoint() for v in g.nodes}, wanted)
    trace = Forward(g, g.inputs, g.outputs, back.keep | set(wanted)).run({"x": torch.from_numpy(X.copy())})
    seed = torch.ones(1, *trace[g.outputs[0]].shape)
    with Written() as written:
        found = back.run(trace, {g.outputs[0]: seed}, **options)
    assert (seed == 1).all()
    return written.over, found


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    large(monkeypatch, 0)
    yield


@pytest.mark.usefixtures("everything")
def test_what_is_owned_is_written_over():
    assert walk(NODES["chain"])[0] == 2
    assert walk(NODES["skip"])[0] == 3  # a sum is the walk's own, whoever sent its terms
    assert walk(NODES["two branches of one sum"])[0] == 0  # both are given the same
    assert walk(NODES["chain"], observe=lambda *seen: None)[0] == 0


@pytest.mark.usefixtures("everything")
def test_what_is_read_off_a_walk_stays():
    over, found = walk(NODES["chain"], ("b",))
    assert over == 1
    assert torch.equal(found["b"], walk(NODES["chain"], ("b", "d"))[1]["b"])
    assert torch.equal(found["x"], walk(NODES["chain"])[1]["x"])
