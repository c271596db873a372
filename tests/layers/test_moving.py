"""Routing, pooling and integer layers: what the contract of every layer does not say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from onnxplain.layers.kinds import Integer, Routing
from onnxplain.layers.shapes import stand_in

from . import cases_integer, cases_pooling, cases_routing
from .harness import C, Case, carrying, normal, outputs_of

OURS = [*cases_routing.CASES, *cases_pooling.CASES, *cases_integer.CASES]
T = 2


def some(cases: list[Case]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=lambda c: c.id)


def same(actual: tuple[torch.Tensor, ...], wanted: tuple[torch.Tensor, ...]) -> None:
    for a, w in zip(actual, wanted, strict=True):
        torch.testing.assert_close(a, w, rtol=1e-12, atol=0, equal_nan=True)


def seeds(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor | None, ...]:
    torch.manual_seed(0)
    return tuple(torch.randn(T, *y.shape, dtype=y.dtype) if y.is_floating_point() else None for y in outputs)


@some(OURS)
def test_a_node_with_nothing_but_constants_computes_the_same(case: Case) -> None:
    wanted = outputs_of(case.layer(), case.tensors())
    folded = replace(case, inputs=[v if v is None or isinstance(v, C) else C(v) for v in case.inputs])
    same(outputs_of(folded.layer(), []), wanted)


@some([c for c in OURS if c.op != "Dropout"])
def test_constants_given_at_run_time_change_nothing(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    wanted = outputs_of(layer, inputs)
    free = replace(case, inputs=[v.value if isinstance(v, C) else v for v in case.inputs])
    layer2, inputs2 = free.layer(), free.tensors()
    same(outputs_of(layer2, inputs2), wanted)
    carried = carrying(layer, inputs)
    if carried:
        names = list(case.feeds())
        pulled2 = dict(zip(free.feeds(), layer2.adjoint(seeds(wanted), inputs2, wanted), strict=True))
        pulled = dict(zip(names, layer.adjoint(seeds(wanted), inputs, wanted), strict=True))
        for i in carried:
            torch.testing.assert_close(pulled2[names[i]], pulled[names[i]], rtol=1e-12, atol=0)


@some([c for c in OURS if isinstance(c.layer(), Routing) and carrying(c.layer(), c.tensors())])
def test_the_adjoint_reads_no_more_than_it_says(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    outputs = outputs_of(layer, inputs)
    wanted = layer.adjoint(seeds(outputs), inputs, outputs)
    left = inputs if "inputs" in layer.adjoint_reads else [stand_in(x) for x in inputs]
    pulled = layer.adjoint(seeds(outputs), left, [stand_in(y) for y in outputs])
    for p, w in zip(pulled, wanted, strict=True):
        assert (p is None) == (w is None)
        if p is not None and w is not None:
            torch.testing.assert_close(p, w, rtol=0, atol=0)


@some([c for c in OURS if c.op in ("ReduceMax", "Max", "TopK", "MaxPool") and c.note in ("integers", "int8")])
def test_extremes_of_integers_carry_nothing(case: Case) -> None:
    assert isinstance(case.layer(), Integer)


def test_relevance_of_unused_pieces_of_a_split_is_zero() -> None:
    case = Case("Split", [normal(2, 6)], {"axis": 1, "split": [1, 3, 2]}, opset=11, n_outputs=3)
    layer, inputs = case.layer(), case.tensors()
    g = torch.randn(T, 2, 3, dtype=torch.float64)
    (r,) = layer.adjoint((None, g, None), inputs, outputs_of(layer, inputs))
    torch.testing.assert_close(r, torch.nn.functional.pad(g, (1, 2)))


ONES = np.ones((1, 1, 4, 4), np.float32)
TIED = [
    (Case("MaxPool", [ONES], {"kernel_shape": [2, 2], "strides": [2, 2]}), [0, 2, 8, 10]),
    (Case("MaxPool", [ONES], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}), [0, 1, 4, 5]),
    (Case("ReduceMax", [ONES], {"axes": [1, 3]}), [0, 4, 8, 12]),
    (Case("ReduceMin", [ONES], {"keepdims": 0}), [0]),
    (Case("GlobalMaxPool", [ONES]), [0]),
    (Case("TopK", [ONES, C(np.array([2]))], {"axis": 2}, n_outputs=2), [0, 1, 2, 3, 4, 5, 6, 7]),
    (Case("Max", [ONES, C(ONES)], note="constant last"), list(range(16))),
    (Case("Max", [C(ONES), ONES], note="constant first"), []),
]


@pytest.mark.parametrize(("case", "winners"), TIED, ids=[c.id for c, _ in TIED])
def test_the_first_of_ties_wins_and_a_constant_can_win(case: Case, winners: list[int]) -> None:
    layer, inputs = case.layer(), case.tensors()
    outputs = outputs_of(layer, inputs)
    g = (torch.ones(1, *outputs[0].shape, dtype=torch.float64), *(None for _ in outputs[1:]))
    (r, *_) = layer.adjoint(g, inputs, outputs)
    assert r is not None
    assert r.reshape(-1).nonzero().reshape(-1).tolist() == winners


@pytest.mark.parametrize("n_targets", [1, 3])
def test_max_pool_keeps_channels_last(n_targets: int) -> None:
    case = Case("MaxPool", [normal(2, 3, 7, 8)], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]})
    layer, (x,) = case.layer(), case.tensors()
    last = x.contiguous(memory_format=torch.channels_last)
    y, y_last = layer.forward(x), layer.forward(last)
    g = torch.randn(n_targets, *y.shape, dtype=torch.float64)
    (r,), (r_last,) = layer.adjoint((g,), (x,), (y,)), layer.adjoint((g,), (last,), (y_last,))
    torch.testing.assert_close(r, r_last, rtol=0, atol=0)
    torch.testing.assert_close(layer.pick((last,), layer.winners((last,))), y_last, rtol=0, atol=0)
    assert y_last.is_contiguous(memory_format=torch.channels_last)
    assert all(piece.is_contiguous(memory_format=torch.channels_last) for piece in r_last)


ABOVE, BELOW = C(np.ones((2, 3), np.float32)), C(-np.ones((2, 3), np.float32))
ZERO, PADS = C(np.float32(0)), C(np.array([0, 1, 0, 1]))
X = normal(2, 3)
CLAIMS = [
    (Case("Concat", [X, ABOVE], {"axis": 0}), (True,), True),
    (Case("Concat", [X, BELOW], {"axis": 0}), (True,), False),
    (Case("Concat", [X, X], {"axis": 0}), (True, False), False),
    (Case("Pad", [X, PADS]), (True,), True),
    (Case("Pad", [X, PADS, C(np.float32(-1))], note="below zero"), (True,), False),
    (Case("Pad", [X], {"pads": [0, 1, 0, 1], "value": -1.0}, opset=9), (True,), False),
    (Case("Gather", [ABOVE, np.array([0])]), (False,), True),
    (Case("Gather", [BELOW, np.array([0])]), (False,), False),
    (Case("Gather", [X, np.array([0])], note="data"), (True, False), True),
    (Case("Where", [X > 0, X, ZERO]), (False, True), True),
    (Case("Where", [X > 0, X, BELOW]), (False, True), False),
    (Case("Split", [X], {"axis": 1, "split": [1, 2]}, opset=11, n_outputs=2), (True,), True),
    (Case("Max", [X, ZERO]), (False,), True),
    (Case("Max", [X, BELOW]), (False,), False),
    (Case("Min", [X, ABOVE]), (True,), True),
    (Case("Min", [X, X]), (True, False), False),
    (Case("ReduceMax", [X], opset=13), (True,), True),
    (Case("ConstantOfShape", [np.array([2])]), (False,), True),
]


@pytest.mark.parametrize(("case", "known", "claim"), CLAIMS, ids=[f"{c.id}-{claim}" for c, _, claim in CLAIMS])
def test_nonnegative_follows_from_the_data_flow(case: Case, known: tuple[bool, ...], claim: bool) -> None:
    assert case.layer().nonnegative(known) is claim


def test_a_pooling_index_counts_for_other_values_of_the_same_shape() -> None:
    case = Case("MaxPool", [normal(2, 2, 6)], {"kernel_shape": [3], "pads": [0, 2]})
    layer, (x,) = case.layer(), case.tensors()
    index = layer.winners((x,))
    torch.testing.assert_close(layer.pick((2 * x + 1,), index), 2 * layer.forward(x) + 1)
