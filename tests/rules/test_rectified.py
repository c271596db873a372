"""Rules that read a ReLU's output in place of its input give what they give at the input itself."""

from __future__ import annotations

import pytest
import torch

from onnxplain.graph.graph import Graph, Node
from onnxplain.graph.plan import Backward, Forward
from onnxplain.graph.rectified import rectified
from onnxplain.layers.base import Layer
from onnxplain.rules import AlphaBeta, Epsilon, Gamma, Pass, Rule, WinnerTakesAll, Zero, ZPlus

from .sites import built

RULES = [Epsilon(), Epsilon(0.25), Zero(), ZPlus(), AlphaBeta(2, 1), Gamma(0.25), Gamma(0.25, variant="original")]
RULES += [Epsilon(bias="ignore"), Epsilon(bias="distribute"), AlphaBeta(2, 1, bias="whole"), Gamma(0.5, bias="ignore")]


def layer(op: str, *constants: torch.Tensor, **attributes: object) -> Layer:
    return built(op, attributes, None, *constants)


def values(*shape: int, seed: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def net() -> Graph:
    """x → conv → relu → (pool → conv → relu), with one value that two nodes read."""
    nodes = (
        Node("conv1", "Conv", layer("Conv", values(4, 2, 3, 3, seed=1), values(4, seed=2)), ("x",), ("z1",)),
        Node("relu1", "Relu", layer("Relu"), ("z1",), ("y1",)),
        Node("pool", "MaxPool", layer("MaxPool", kernel_shape=[2, 2]), ("y1",), ("p",)),
        Node("conv2", "Conv", layer("Conv", values(3, 4, 2, 2, seed=3), values(3, seed=4)), ("p",), ("z2",)),
        Node("relu2", "Relu", layer("Relu"), ("z2",), ("y2",)),
        Node("conv3", "Conv", layer("Conv", values(2, 3, 1, 1, seed=5), values(2, seed=6)), ("y2",), ("z3",)),
        Node("relu3", "Relu", layer("Relu"), ("z3",), ("y3",)),
    )
    return Graph(nodes, ("x",), ("y3",), frozenset({"x", "z1", "y1", "p", "z2", "y2", "z3", "y3"}))


def rules_for(graph: Graph, rule: Rule) -> dict[str, Rule]:
    return {n.name: {"Relu": Pass(), "MaxPool": WinnerTakesAll()}.get(n.op, rule) for n in graph.nodes}


def walked(rule: Rule) -> torch.Tensor:
    graph, x = net(), values(3, 2, 7, 6, seed=7)
    back = Backward(graph, ["y3"], ["x"], rules_for(graph, rule))
    trace = Forward(graph, ["x"], ["y3"], back.keep).run({"x": x})
    return back.run(trace, {"y3": values(2, *trace["y3"].shape, seed=8)})["x"]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_the_relus_output_stands_for_its_input(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = walked(rule)
    monkeypatch.setattr(type(rule), "takes_rectified", False)
    assert fast.abs().max() > 0
    torch.testing.assert_close(fast, walked(rule), rtol=1e-10, atol=1e-12)


def test_a_seed_at_a_relu_may_fall_where_it_is_zero() -> None:
    graph = net()
    rules = rules_for(graph, Epsilon())
    active = graph.active(["x"])
    assert rectified(tuple(reversed(graph.nodes)), rules, ["y3"], active) == {"z1": "y1", "z2": "y2"}


def test_a_bias_that_is_spread_evenly_falls_where_values_are_zero() -> None:
    graph = net()
    rules = rules_for(graph, Epsilon(bias="distribute"))
    assert rectified(tuple(reversed(graph.nodes)), rules, ["y3"], graph.active(["x"])) == {}


def test_what_is_kept_is_the_output_of_the_relu_alone() -> None:
    graph = net()
    keep = Backward(graph, ["y3"], ["x"], rules_for(graph, Epsilon())).keep
    assert {"y1", "y2"} <= keep and not {"z1", "z2"} & keep
