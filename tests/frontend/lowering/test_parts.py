"""Operators written out in parts: values as onnxruntime has them, the gradient, complete and conserved relevance."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from torch import Tensor

from onnxplain.errors import UnsupportedOpError
from onnxplain.frontend.build import build
from onnxplain.frontend.lowering import LOWERED
from onnxplain.frontend.read import read
from onnxplain.graph.graph import Graph, Node
from onnxplain.graph.plan import Backward, Forward, Trace
from onnxplain.layers.kinds import Additive, Affine, Elementwise, Normalization, Pooling, Product, Routing
from onnxplain.rules import Adjoint, FrozenStatistics, Half, Pass, Rescale, Rule, WinnerTakesAll, Zero

from ...layers.harness import C, Case
from .cases import CASES, SCE

T = 3
Values = Mapping[str, Tensor]
EACH = pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)


def graph_of(case: Case, dtype: torch.dtype = torch.float64) -> Graph:
    return build(read(case.model()), dtype=dtype).graph


def feeds_of(case: Case, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    given = {n: torch.from_numpy(a.copy()) for n, a in case.feeds().items()}
    return {n: x.to(dtype) if x.is_floating_point() else x for n, x in given.items()}


def forward(graph: Graph, feeds: Values) -> Trace:
    return Forward(graph, graph.inputs, graph.outputs, None).run(feeds)


def walk(graph: Graph, trace: Trace, rule: Callable[[Node], Rule], r: Tensor, trace0: Trace | None = None) -> dict[str, Tensor]:
    floats = [v for v in graph.inputs if v in graph.floating]
    back = Backward(graph, ["o0"], floats, {n.name: rule(n) for n in graph.nodes})
    return back.run(trace, {"o0": r}, trace0)


def relevance(y: Tensor) -> Tensor:
    return torch.randn(T, *y.shape, generator=torch.Generator().manual_seed(1), dtype=y.dtype)


@EACH
def test_the_parts_compute_what_onnxruntime_computes(case: Case) -> None:
    graph = graph_of(case, torch.float32)
    assert not any(n.op in LOWERED and n.name == "node" for n in graph.nodes)
    made = forward(graph, feeds_of(case, torch.float32))
    wanted = case.expected() if case.opset < 23 else ReferenceEvaluator(case.model()).run(None, case.feeds())
    for k, y in enumerate(wanted):
        np.testing.assert_allclose(made[f"o{k}"].numpy(), y, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(y).max(initial=0))))


@EACH
def test_nothing_changes_where_all_parameters_are_constant_or_none_is(case: Case) -> None:
    wanted = forward(graph_of(case), feeds_of(case))["o0"]
    values = [v.value if isinstance(v, C) else v for v in case.inputs]
    held = replace(case, inputs=[values[0], *(v if v is None else C(v) for v in values[1:])])
    for other in (held, replace(case, inputs=values)):
        torch.testing.assert_close(forward(graph_of(other), feeds_of(other))["o0"], wanted, rtol=1e-10, atol=1e-10)


@EACH
def test_the_walk_gives_the_gradient(case: Case) -> None:
    graph, feeds = graph_of(case), feeds_of(case)
    leaves = {n: x.requires_grad_() if x.is_floating_point() else x for n, x in feeds.items()}
    y = forward(graph, leaves)["o0"]
    r = relevance(y)
    with torch.inference_mode():
        found = walk(graph, forward(graph, {n: x.detach() for n, x in feeds.items()}), lambda n: Adjoint(), r)
    floats = [n for n, x in leaves.items() if x.is_floating_point()]
    for t in range(T):
        for n, w in zip(floats, torch.autograd.grad(y, [leaves[n] for n in floats], r[t], retain_graph=True), strict=True):
            torch.testing.assert_close(found[n][t], w, rtol=1e-10, atol=1e-10)


@EACH
def test_deep_lift_is_complete(case: Case) -> None:
    graph, feeds = graph_of(case), feeds_of(case)
    feeds0 = {n: 0.6 * x.flip(0) + 0.2 if x.is_floating_point() and x.dim() else x for n, x in feeds.items()}
    trace, trace0 = forward(graph, feeds), forward(graph, feeds0)
    r = relevance(trace["o0"])
    found = walk(graph, trace, lambda n: Rescale(), r, trace0)
    total = sum((m * (feeds[n] - feeds0[n])).reshape(T, -1).sum(1) for n, m in found.items())
    wanted = (r * (trace["o0"] - trace0["o0"])).reshape(T, -1).sum(1)
    assert isinstance(total, Tensor)
    torch.testing.assert_close(total, wanted, rtol=1e-10, atol=1e-9)


RULES: dict[type, Rule] = {
    Affine: Zero(),
    Additive: Zero(),
    Elementwise: Pass(),
    Routing: Adjoint(),
    Pooling: WinnerTakesAll(),
    Product: Half(epsilon=0.0),
    Normalization: FrozenStatistics(epsilon=0.0),
}


def conserving(case: Case) -> bool:
    """Every term of its sums varies, and it has no softmax, which does not conserve by design."""
    return case.op != SCE and not any(isinstance(v, C) and np.asarray(v.value).dtype.kind == "f" for v in case.inputs)


@pytest.mark.parametrize("case", [c for c in CASES if conserving(c)], ids=lambda c: c.id)
def test_relevance_is_conserved(case: Case) -> None:
    graph, feeds = graph_of(case), feeds_of(case)
    trace = forward(graph, feeds)
    r = relevance(trace["o0"]) * (trace["o0"] != 0)  # of a 0 there are no shares

    def rule(n: Node) -> Rule:
        return next(rule for kind, rule in RULES.items() if isinstance(n.layer, kind))

    found = walk(graph, trace, lambda n: Adjoint() if n.kind == "Integer" else rule(n), r)
    total = sum(q.reshape(T, -1).sum(1) for q in found.values())
    assert isinstance(total, Tensor)
    torch.testing.assert_close(total, r.reshape(T, -1).sum(1), rtol=1e-8, atol=1e-8)


EMPTY = {
    "ReduceSum": 0.0,
    "ReduceL1": 0.0,
    "ReduceL2": 0.0,
    "ReduceSumSquare": 0.0,
    "ReduceProd": 1.0,
    "ReduceMax": -np.inf,
    "ReduceMin": np.inf,
    "ReduceLogSum": -np.inf,
    "ReduceLogSumExp": -np.inf,
}


@pytest.mark.parametrize("op", EMPTY)
def test_a_reduction_of_nothing_is_its_neutral_element(op: str) -> None:
    case = Case(op, [np.zeros((2, 0, 3), np.float32), np.array([1])], opset=20)
    y = forward(graph_of(case), feeds_of(case))["o0"]
    assert y.shape == (2, 1, 3) and (y == EMPTY[op]).all()


def test_statistics_of_the_batch_itself_are_declined_before_opset_14() -> None:
    parameters = [np.ones(3, np.float32)] * 4
    case = Case("BatchNormalization", [np.ones((2, 3, 4), np.float32), *parameters], opset=9, n_outputs=3)
    with pytest.raises(UnsupportedOpError, match="BatchNormalization"):
        graph_of(case)
