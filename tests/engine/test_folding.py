"""A row that stands for all pairs goes into the matrix behind an activation: the same numbers, wherever that is done."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

import onnxplain as ox
from onnxplain.graph import folding, plan
from onnxplain.methods.goals import Goals

from .test_owned import NODES, n

X, REFS = np.random.default_rng(0).normal(size=(6, 4)), np.random.default_rng(2).normal(size=(5, 4))
W = np.random.default_rng(1).normal(size=(4, 4))
CASES = NODES | {
    "the sum is read twice": [
        *(n("MatMul", "x w", "a"), n("Relu", "a", "b"), n("MatMul", "b w", "c"), n("Relu", "c", "d"), n("Add", "c d", "e")),
        n("MatMul", "e w", "y"),
    ],
    "a product of matrices": [n("MatMul", "x w", "a"), n("Tanh", "a", "b"), n("MatMul", "b w", "c"), n("Tanh", "c", "d"), n("MatMul", "d w", "y")],
}


def load(nodes: list[onnx.NodeProto]) -> ox.Model:
    value = lambda name: onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n", 4])
    graph = onnx.helper.make_graph(nodes, "g", [value("x")], [value("y")], [onnx.numpy_helper.from_array(W.astype(np.float32), "w")])
    made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    return ox.load(made, verify="never", dtype="float64")


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("target", [[0, 1, 2, 3], [2], ox.Contrast(0, 1)], ids=str)
@pytest.mark.parametrize("options", [{}, {"layers": "all"}, {"max_memory": "1GB"}, {"chunk_size": (12, 2)}], ids=str)
def test_the_numbers_are_those_of_rows_of_their_own(name, target, options, monkeypatch):
    model, method, taken = load(CASES[name]), ox.DeepShap(data_ref=REFS), []
    beside = ox.explain(model, X, method, target=target, progress=False, **options)
    monkeypatch.setattr(folding, "TARGETS", 1)
    monkeypatch.setattr(folding, "ROWS", 0)
    fold = folding.fold
    monkeypatch.setattr(plan, "fold", lambda *given: taken.append(fold(*given)) or taken[-1])
    folded = ox.explain(model, X, method, target=target, progress=False, **options)
    np.testing.assert_allclose(folded.values, beside.values, rtol=1e-10, atol=1e-12)
    for v in beside.layers:
        np.testing.assert_allclose(folded.layers[v].values, beside.layers[v].values, rtol=1e-10, atol=1e-12)
    if options == {}:
        assert any(taken) == (name in ("chain", "a product of matrices"))
    elif "layers" in options:
        assert not any(taken)  # the value in between is read


@pytest.mark.parametrize("turned", [False, True], ids=["rows first", "rows last in between"])
def test_references_are_passed_once_where_shapes_say_that_rows_come_first(turned, monkeypatch):
    """Four references, samples and features: a value turned round has as many rows."""
    way = [n("Transpose", "b", "t"), n("Transpose", "t", "c")] if turned else [n("MatMul", "b w", "c")]
    nodes = [n("MatMul", "x w", "a"), n("Relu", "a", "b"), *way, n("Relu", "c", "d"), n("MatMul", "d w", "y")]
    model, x, refs, passes = load(nodes), X[:4], REFS[:4], []
    seen = Goals.at_baseline
    monkeypatch.setattr(Goals, "at_baseline", lambda self, *given: passes.append(bool(self.beside)) or seen(self, *given))
    found = ox.explain(model, x, ox.DeepShap(data_ref=refs), target=[0, 1], chunk_size=(8, 2), progress=False)
    assert passes == [not turned] * 2
    each = [ox.explain(model, x, ox.DeepLift(baseline=r), target=[0, 1], progress=False).values for r in refs]
    np.testing.assert_allclose(found.values, np.mean(each, 0), rtol=1e-10, atol=1e-12)
