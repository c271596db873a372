"""DeepLIFT's rescale rule is complete on every kind, and connection weights are products of weights."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.errors import RuleError
from onnxplain.layers.base import Layer
from onnxplain.rules import ConnectionWeights, Rescale, Site

from .sites import apply, built, relevance_at, site
from .test_sharing import random, same

X, X0 = random(2, 3, 4, 6, seed=1), random(2, 3, 4, 6, seed=2) * 2
POOL_3 = {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]}


def completeness(at: Site, rule: Rescale) -> None:
    """Σ m ⊙ Δx = Σ r·Δy, with r unrelated to y."""
    assert at.inputs0 is not None and at.outputs0 is not None
    r = relevance_at(at.outputs[0])
    relevance = (r, *[None] * (len(at.outputs) - 1))
    pulled = apply(rule, at, *relevance)
    pairs = zip(pulled, at.inputs, at.inputs0, strict=True)
    got = sum((m * (x - x0)).flatten(1).sum(1) for m, x, x0 in pairs if m is not None)
    torch.testing.assert_close(got, (r * (at.outputs[0] - at.outputs0[0])).flatten(1).sum(1), rtol=1e-10, atol=1e-10)


def equal_in_places(x: Tensor, x0: Tensor) -> Tensor:
    return torch.where(torch.rand(x.shape, generator=torch.Generator().manual_seed(3)) < 0.3, x, x0)


ONE_INPUT: dict[str, Layer] = {
    "Conv": built("Conv", {}, None, random(2, 3, 2, 2), random(2)),
    "Flatten": built("Flatten", {}, None),
    "Relu": built("Relu", {}, None),
    "Tanh": built("Tanh", {}, None),
    "MaxPool": built("MaxPool", POOL_3, None),
    "MaxPool with index": built("MaxPool", {"kernel_shape": [2, 2]}, None),
    "ReduceMax": built("ReduceMax", {}, None, torch.tensor([1, 3])),
    "ReduceMin": built("ReduceMin", {}, None, torch.tensor([2])),
    "Max with a constant": built("Max", {}, None, random(6, seed=4)),
    "TopK": built("TopK", {"axis": -1}, None, torch.tensor([4])),
    "Softmax": built("Softmax", {}, None),
    "LogSoftmax": built("LogSoftmax", {"axis": 1}, None),
    "LayerNormalization": built("LayerNormalization", {}, None, random(6, seed=5), random(6, seed=6)),
}
TWO_INPUTS = ["Add", "Sub", "Mul", "Div", "Max", "Min"]


@pytest.mark.parametrize("winner_takes_all", [True, False])
@pytest.mark.parametrize("name", ONE_INPUT)
def test_contributions_add_up_to_the_difference_of_the_outputs(name: str, winner_takes_all: bool) -> None:
    for x0 in (X0, equal_in_places(X, X0), X):
        completeness(site(ONE_INPUT[name], X, baseline=(x0,)), Rescale(winner_takes_all=winner_takes_all))


@pytest.mark.parametrize("op", TWO_INPUTS)
def test_contributions_of_two_inputs_add_up(op: str) -> None:
    layer = built(op, {}, None, None)
    b, b0 = random(4, 1, seed=7), random(4, 1, seed=8)
    for pair in ((X0, b0), (equal_in_places(X, X0), b), (X, b)):
        completeness(site(layer, X, b, baseline=pair), Rescale())


@pytest.mark.parametrize("name", ["ReduceMax", "TopK"])
def test_values_with_many_ties_add_up(name: str) -> None:
    x, x0 = X.round(), X0.round()
    for winner_takes_all in (True, False):
        completeness(site(ONE_INPUT[name], x, baseline=(x0,)), Rescale(winner_takes_all=winner_takes_all))


def test_a_rank_that_changed_although_its_elements_did_not_adds_up() -> None:
    top = built("TopK", {}, None, torch.tensor([2]))
    x, x0 = torch.tensor([[10.0, 6.0, 5.0]]).double(), torch.tensor([[1.0, 6.0, 5.0]]).double()
    completeness(site(top, x, baseline=(x0,)), Rescale())


def test_a_condition_that_differs_at_the_baseline_adds_up() -> None:
    where = built("Where", {}, None, None, None)
    at = site(where, X > 0, X, 0.1 * X, baseline=(X0 > 0, X0, 0.1 * X0))
    r = relevance_at(at.outputs[0])
    none, m, m0 = apply(Rescale(), at, r)
    assert none is None
    got = (m + 0.1 * m0) * (X - X0)
    same(got, r * (at.outputs[0] - at.outputs0[0]))


def test_a_condition_that_stays_chooses_as_the_adjoint_does() -> None:
    where = built("Where", {}, None, None, None)
    at = site(where, X > 0, X, X0, baseline=(X > 0, X0, X))
    r = relevance_at(X)
    _, of_a, of_b = apply(Rescale(), at, r)
    same(of_a, torch.where(X > 0, r, 0.0))
    same(of_b, torch.where(X > 0, 0.0, r))


def test_a_maximum_at_its_own_baseline_has_the_gradient_as_multiplier() -> None:
    for name in ("MaxPool", "ReduceMax", "ReduceMin"):
        layer = ONE_INPUT[name]
        at = site(layer, X, baseline=(X,))
        r = relevance_at(at.outputs[0])
        same(apply(Rescale(), at, r)[0], layer.adjoint((r,), at.inputs, at.outputs)[0])


def test_a_maximum_that_grew_credits_its_winner_and_one_that_shrank_the_baselines() -> None:
    x, x0 = torch.tensor([[1.0, 3.0, 2.0]]).double(), torch.tensor([[2.0, 0.0, 0.0]]).double()
    layer = built("ReduceMax", {"keepdims": 0}, None, torch.tensor([1]))
    one, third = torch.ones(1, 1).double(), torch.tensor([[0.0, 1.0, 0.0]]).double() / 3
    (m,) = apply(Rescale(), site(layer, x, baseline=(x0,)), one)
    same(m[0], third)
    (m,) = apply(Rescale(), site(layer, x0, baseline=(x,)), one)
    same(m[0], third)


def test_a_rescaled_softmax_credits_each_logit_for_its_own_share() -> None:
    at = site(ONE_INPUT["Softmax"], X, baseline=(X0,))
    r = relevance_at(X)
    same(apply(Rescale(softmax="rescale"), at, r)[0], r * (X.softmax(-1) - X0.softmax(-1)) / (X - X0))


def test_an_unknown_softmax_variant_is_an_error() -> None:
    with pytest.raises(RuleError, match="Rescale needs softmax to be one of 'decompose', 'by_parts', 'rescale', got 'exact'"):
        Rescale(softmax="exact")  # type: ignore[arg-type]


# connection weights


def test_connection_weights_leave_out_bias_and_activation() -> None:
    w = random(4, 3)
    gemm, relu = built("Gemm", {}, None, w, random(3)), built("Relu", {}, None)
    x = random(2, 4)
    r = relevance_at(x @ w)
    (through,) = apply(ConnectionWeights(), site(relu, x @ w), r)
    same(through, r)
    same(apply(ConnectionWeights(), site(gemm, x), through)[0], r @ w.T)


def test_connection_weights_pass_a_sum_to_each_term_in_full() -> None:
    r = relevance_at(X)
    of_a, of_b = apply(ConnectionWeights(), site(built("Sub", {}, None, None), X, X0), r)
    same(of_a, r)
    same(of_b, -r)


def test_connection_weights_share_a_maximum_evenly_over_its_window_without_padding() -> None:
    at = site(ONE_INPUT["MaxPool"], X)
    r = relevance_at(at.outputs[0])
    average = built("AveragePool", POOL_3 | {"count_include_pad": 0}, None)
    same(apply(ConnectionWeights(), at, r)[0], average.adjoint((r,), (X,), at.outputs)[0])


def test_connection_weights_have_no_row_for_products() -> None:
    assert not ConnectionWeights().covers(built("Mul", {}, None, None))
    assert not ConnectionWeights().covers(ONE_INPUT["Softmax"])
