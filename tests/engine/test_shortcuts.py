"""What a pool does for the ReLU before it changes no number, and is done only where nobody sees the relevance between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

import onnxplain as ox
from onnxplain.graph.plan import Backward, Forward
from onnxplain.graph.shortcuts import left_out
from onnxplain.rules import Adjoint, Epsilon, Pass, Rule, Zero

from .build import Writer

NETS = ("chain", "odd pool", "skip", "read twice")


def model(net: str, dtype: Any = "float64") -> ox.Model:
    """Two convolutions with ReLUs, a pool behind the second, a third, and two dense layers."""
    w = Writer(3)
    a = w.node("Relu", w.node("Conv", "x", w.weight(8, 3, 3, 3), pads=[1, 1, 1, 1]), to="a")
    b = w.node("Relu", w.node("Conv", a, w.weight(8, 8, 3, 3), pads=[1, 1, 1, 1]), to="b")
    if net == "skip":
        b = w.node("Add", a, b)
    window = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]} if net == "odd pool" else {"kernel_shape": [2, 2], "strides": [2, 2]}
    p = w.node("MaxPool", b, to="p", **window)
    c = w.node("Relu", w.node("Conv", p, w.weight(8, 8, 3, 3), pads=[1, 1, 1, 1]))
    c = w.node("Add", c, w.node("AveragePool", b, kernel_shape=[2, 2], strides=[2, 2])) if net == "read twice" else c
    h = w.node("Relu", w.dense(w.node("Flatten", c), 8 * 36, 20))
    w.dense(h, 20, 7, to="y")
    return ox.load(w.model({"x": ["n", 3, 12, 12]}, {"y": ["n", 7]}), verify="never", dtype=dtype)


def walk(m: ox.Model, rule: Rule, wanted: Sequence[str] = ()) -> Backward:
    passes = {"Relu"} if not isinstance(rule, Adjoint) else set()
    weighted = {"Conv", "Gemm"}
    rules = {n.name: Pass() if n.op in passes else rule if n.op in weighted else Adjoint() for n in m.graph.nodes}
    return Backward(m.graph, ["y"], ["x"], rules, wanted)


@pytest.mark.parametrize("targets", [1, 3, 7])
@pytest.mark.parametrize("rule", [Adjoint(), Epsilon(1e-2), Zero(), Epsilon(bias="distribute")], ids=repr)
@pytest.mark.parametrize("net", NETS)
def test_numbers_are_those_of_each_node_alone(net: str, rule: Rule, targets: int) -> None:
    m = model(net)
    back = walk(m, rule)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 12, 12)))
    trace = Forward(m.graph, ["x"], ["y"], back.keep).run({"x": x})
    seeds = {"y": torch.eye(7, dtype=torch.float64)[:targets, None].expand(targets, 2, 7)}
    found, seen = back.run(trace, seeds)["x"], list[str]()
    exact = back.run(trace, seeds, observe=lambda node, *rest: seen.append(node.name))["x"]
    assert len(seen) == len(back.nodes)
    torch.testing.assert_close(found, exact, rtol=1e-11, atol=1e-12)


def _masks(back: Backward) -> int:
    """How many nodes have nothing to do."""
    return sum(call[1] is left_out for call in back.calls)


@pytest.mark.parametrize("net, masks", [("chain", 1), ("odd pool", 1), ("skip", 0), ("read twice", 0)])
def test_what_is_left_to_the_pool(net: str, masks: int) -> None:
    m = model(net)
    assert _masks(walk(m, Adjoint())) == masks
    assert _masks(walk(m, Epsilon())) == 0  # its ReLU masks nothing


def test_nothing_is_left_where_relevance_is_read() -> None:
    m = model("chain")
    assert _masks(walk(m, Adjoint(), ["b"])) == 0
    x = np.random.default_rng(0).normal(size=(2, 3, 12, 12))
    several = ox.explain(m, x, "gradient", target=list(range(7)), layers=["b"])
    alone = ox.explain(m, x, "gradient", target=3, layers=["b"])
    np.testing.assert_allclose(np.asarray(several.layers["b"].values)[..., 3], np.asarray(alone.layers["b"].values)[..., 0], rtol=1e-10)


@pytest.mark.parametrize("window", [2, 3])
def test_an_infinite_gradient_at_a_zero_is_masked(window: int) -> None:
    """√ of a pooled max(x, 0): where that is 0 the gradient is infinite, and passes nothing."""
    w = Writer(0)
    p = w.node("MaxPool", w.node("Relu", "x"), kernel_shape=[window] * 2, strides=[window] * 2)
    w.dense(w.node("Flatten", w.node("Sqrt", p)), 4 * (12 // window) ** 2, 6, to="y")
    m = ox.load(w.model({"x": ["n", 4, 12, 12]}, {"y": ["n", 6]}), verify="never", dtype="float64")
    x = np.random.default_rng(0).normal(size=(1, 4, 12, 12))
    x[:, :, :6] = -1
    found = np.asarray(ox.explain(m, x, "gradient", target=list(range(6))).values)
    assert np.isfinite(found).all() and not found[:, :, :6].any() and found.any()
