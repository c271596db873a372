"""What is known of signs by data flow (which part of a value may be below 0, where relevance falls) changes no number."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.graph import plan
from onnxplain.graph.graph import Graph, Node
from onnxplain.graph.plan import Backward, Forward
from onnxplain.graph.signs import mixed
from onnxplain.rules import Adjoint, AlphaBeta, Epsilon, Gamma, Pass, Rule, ZPlus
from onnxplain.rules.base import Mixed

from .sites import built
from .test_rectified import layer, values

OPTIONS = ("absorb", "ignore", "distribute")
RULES: list[Rule] = [rule for b in OPTIONS for rule in (ZPlus(bias=b), AlphaBeta(2, 1, bias=b), Gamma(0.25, bias=b))]
RULES += [AlphaBeta(2, 1, bias="whole"), ZPlus(stabilizer=0), Gamma(0.5, stabilizer=0), Gamma(0), Gamma(0.25, variant="original")]
SIX = torch.tensor(6.0, dtype=torch.float64)


def clip() -> Node:
    return Node("clip", "Clip", layer("Clip", 0 * SIX, SIX), ("z",), ("y",))


def convolutions() -> Graph:
    """A convolution over what is ≥ 0, what is not, and a constant; one over single pixels, one per channel, one transposed."""
    nodes = (
        Node("conv1", "Conv", layer("Conv", values(4, 2, 3, 3, seed=1), values(4, seed=2), pads=[1] * 4), ("x",), ("z1",)),
        Node("relu1", "Relu", layer("Relu"), ("z1",), ("y1",)),
        Node("both", "Concat", built("Concat", {"axis": 1}, None, None, -values(3, 1, 5, 4, seed=9)), ("x", "y1"), ("c",)),
        Node("conv2", "Conv", layer("Conv", values(3, 7, 2, 2, seed=3), values(3, seed=4)), ("c",), ("z",)),
        clip(),
        Node("pixels", "Conv", layer("Conv", values(4, 3, 1, 1, seed=5), values(4, seed=6)), ("y",), ("p",)),
        Node("each", "Conv", layer("Conv", values(4, 1, 2, 2, seed=7), values(4, seed=8), group=4), ("p",), ("q",)),
        Node("relu2", "Relu", layer("Relu"), ("q",), ("r",)),
        Node("up", "ConvTranspose", layer("ConvTranspose", values(4, 2, 2, 2, seed=10), values(2, seed=11)), ("r",), ("u",)),
        Node("end", "Conv", layer("Conv", values(2, 2, 1, 1, seed=12), values(2, seed=13)), ("u",), ("o",)),
    )
    made = {v: None for n in nodes for v in n.outputs}
    shapes: dict[str, tuple[int | None, ...]] = {"x": (None, 2, 5, 4), "y1": (None, 4, 5, 4), "c": (None, 7, 5, 4)}
    return Graph(nodes, ("x",), ("o",), frozenset({"x", *made}), shapes=shapes)


def products() -> Graph:
    """A dense layer over what is ≥ 0 and what is not."""
    nodes = (
        Node("dense1", "Gemm", layer("Gemm", values(3, 4, seed=1), values(4, seed=2)), ("x",), ("z1",)),
        Node("relu1", "Relu", layer("Relu"), ("z1",), ("y1",)),
        Node("both", "Concat", layer2("Concat", axis=-1), ("y1", "x"), ("c",)),
        Node("dense2", "Gemm", layer("Gemm", values(7, 5, seed=3), values(5, seed=4)), ("c",), ("z",)),
        clip(),
        Node("dense3", "Gemm", layer("Gemm", values(5, 2, seed=5), values(2, seed=6)), ("y",), ("o",)),
    )
    made = {v: None for n in nodes for v in n.outputs}
    return Graph(nodes, ("x",), ("o",), frozenset({"x", *made}), shapes={"x": (None, 3), "y1": (None, 4), "c": (None, 7)})


def layer2(op: str, **attributes: object):
    return built(op, attributes, None, None)


def walked(graph: Graph, x: Tensor, rule: Rule) -> Tensor:
    moving = {"Relu": Pass(), "Clip": Pass(), "Concat": Adjoint()}
    back = Backward(graph, ["o"], ["x"], {n.name: moving.get(n.op, rule) for n in graph.nodes})
    trace = Forward(graph, ["x"], ["o"], back.keep).run({"x": x})
    return back.run(trace, {"o": values(2, *trace["o"].shape, seed=8)})["x"]


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize(("make", "shape"), [(convolutions, (3, 2, 5, 4)), (products, (6, 3))])
def test_what_is_known_changes_no_number(make, shape, rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    x = values(*shape, seed=7)
    fast = walked(make(), x, rule)
    monkeypatch.setattr(plan, "rectified", lambda *_: {})
    monkeypatch.setattr(plan, "mixed", lambda *_: None)
    graph = make()
    graph.__dict__["nonnegative"] = frozenset()
    assert fast.abs().max() > 0
    torch.testing.assert_close(fast, walked(graph, x, rule), rtol=1e-10, atol=1e-12)


def test_which_part_may_be_below_zero() -> None:
    graph = convolutions()
    assert mixed(graph, ["c"]) == Mixed(-3, 7, ((0, 2), (6, 7)))
    assert mixed(graph, ["x"]) is None and mixed(graph, ["y"]) is None
    assert mixed(products(), ["c"]) == Mixed(-1, 7, ((4, 7),))


def test_what_is_put_together_in_turns_is_one_value() -> None:
    inner = Node("inner", "Concat", layer2("Concat", axis=1), ("a", "b"), ("ab",))
    relu = Node("relu", "Relu", layer("Relu"), ("x",), ("r",))
    outer = Node("outer", "Concat", layer2("Concat", axis=-2), ("ab", "r"), ("c",))
    shapes: dict[str, tuple[int | None, ...]] = {v: (None, n, 3) for v, n in (("a", 1), ("b", 2), ("r", 4), ("ab", 3), ("c", 7))}
    floating = frozenset(["a", "b", "ab", "x", "r", "c"])
    graph = Graph((inner, relu, outer), ("a", "b", "x"), ("c",), floating, shapes=shapes)
    assert mixed(graph, ["c"]) == Mixed(-2, 7, ((0, 3),))
    unknown = Graph((inner, relu, outer), ("a", "b", "x"), ("c",), floating, shapes={**shapes, "b": (None, None, 3)})
    assert mixed(unknown, ["c"]) is None


def test_a_rule_without_outputs_of_its_own_reads_them_where_that_helps() -> None:
    graph = convolutions()
    moving: dict[str, Rule] = {"Relu": Pass(), "Clip": Pass(), "Concat": Adjoint()}
    keep = Backward(graph, ["o"], ["x"], {n.name: moving.get(n.op, ZPlus()) for n in graph.nodes}).keep
    assert "z" in keep and "p" in keep and "o" not in keep  # p is what `each` reads
    assert not Backward(graph, ["o"], ["x"], {n.name: moving.get(n.op, Epsilon()) for n in graph.nodes}).keep - set(graph.values)
