"""LRP on the kinds that are not Affine: sums, maxima, products, softmax, normalisation."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from onnxplain.errors import RuleError
from onnxplain.layers.base import Layer
from onnxplain.rules import (
    Adjoint,
    Constant,
    Epsilon,
    FrozenStatistics,
    Half,
    Norm,
    Pass,
    Proportional,
    Rule,
    ShareByValue,
    ShareEvenly,
    Signal,
    SplitEqually,
    TaylorSoftmax,
    WinnerTakesAll,
    Zero,
)

from .sites import T, apply, built, relevance_at, site


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def st(z: Tensor, epsilon: float = 1e-6) -> Tensor:
    return torch.where(z >= 0, z + epsilon, z - epsilon)


def same(a: Tensor | None, b: Tensor) -> None:
    assert a is not None
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


def total(r: Tensor | None) -> Tensor:
    assert r is not None
    return r.flatten(1).sum(1)


# sums

A, B, OFFSET = random(2, 3, 4), random(3, 1, seed=1), random(4, seed=2)


def test_a_sum_shares_by_contribution_and_its_constant_absorbs() -> None:
    add = built("Sum", {}, None, None, OFFSET)
    at = site(add, A, B)
    r = relevance_at(at.outputs[0])
    s = r / st(A + B + OFFSET)
    of_a, of_b = apply(Epsilon(), at, r)
    same(of_a, A * s)
    same(of_b, (B * s).sum((1, 3))[..., None])


def test_a_difference_shares_with_its_sign() -> None:
    at = site(built("Sub", {}, None, None), A, A.flip(0))
    r = relevance_at(at.outputs[0])
    of_a, of_b = apply(Zero(), at, r)
    same(of_a, A * r / (A - A.flip(0)))
    same(of_b, -A.flip(0) * r / (A - A.flip(0)))
    same(total(of_a) + total(of_b), total(r))


def test_an_ignored_constant_leaves_all_relevance_to_the_terms() -> None:
    at = site(built("Add", {}, None, OFFSET), A)
    r = relevance_at(at.outputs[0])
    same(apply(Zero("ignore"), at, r)[0], r)
    same(apply(Norm(0.0), at, r)[0], r)


def test_a_distributed_constant_is_spread_evenly_over_the_terms() -> None:
    at = site(built("Sum", {}, None, None, OFFSET), A, B)
    r = relevance_at(at.outputs[0])
    s = r / st(A + B + OFFSET)
    of_a, of_b = apply(Epsilon(bias="distribute"), at, r)
    same(of_a, (A + OFFSET / 2) * s)
    same(of_b, ((B + OFFSET / 2) * s).sum((1, 3))[..., None])


@pytest.mark.parametrize("bias", ["absorb", "ignore", "distribute"])
def test_a_term_that_does_not_depend_on_the_input_is_a_constant(bias: str) -> None:
    r = relevance_at(A + B)
    of_a, of_b = apply(Epsilon(bias=bias), site(built("Add", {}, None, None), A, B, active=(True, False)), r)
    (expected,) = apply(Epsilon(bias=bias), site(built("Add", {}, None, B), A), r)
    same(of_a, expected)
    assert of_b is None


@pytest.mark.parametrize("bias", ["absorb", "ignore", "distribute"])
def test_a_mask_of_minus_infinity_leaves_finite_relevance(bias: str) -> None:
    mask = torch.zeros(4, dtype=torch.float64)
    mask[2] = -torch.inf
    at = site(built("Add", {}, None, None), A, mask, active=(True, False))
    (of_a, _) = apply(Epsilon(bias=bias), at, relevance_at(A))
    assert torch.isfinite(of_a).all()


def test_split_equally_gives_every_term_the_same_whatever_its_value() -> None:
    r = relevance_at(A + B)
    of_a, of_b = apply(SplitEqually(), site(built("Add", {}, None, None), A, B), r)
    same(of_a, r / 2)
    same(of_b, r.sum((1, 3))[..., None] / 2)


# maxima


def pool() -> Layer:
    return built("MaxPool", {"kernel_shape": [2, 2], "strides": [1, 1]}, None)


X = random(2, 3, 4, 5, seed=3)


def test_the_winner_of_a_maximum_takes_all() -> None:
    at = site(pool(), X)
    r = relevance_at(at.outputs[0])
    (pulled,) = apply(WinnerTakesAll(), at, r)
    same(pulled, apply(Adjoint(), at, r)[0])
    same(total(pulled), total(r))


def test_a_winner_of_value_zero_gets_nothing_under_epsilon() -> None:
    x = torch.tensor([[[[0.0, -1.0], [-2.0, -3.0]]]], dtype=torch.float64)
    (pulled,) = apply(WinnerTakesAll(1e-9), site(pool(), x), torch.ones(1, 1, 1, 1, 1, dtype=torch.float64))
    assert torch.equal(pulled, torch.zeros_like(pulled))
    (kept,) = apply(WinnerTakesAll(1e-9), site(pool(), x + 4), torch.ones(1, 1, 1, 1, 1, dtype=torch.float64))
    torch.testing.assert_close(kept.sum(), torch.tensor(1.0, dtype=torch.float64), rtol=1e-8, atol=0)


def test_sharing_a_maximum_by_value_is_the_norm_rule_of_the_average_pool() -> None:
    average = built("AveragePool", {"kernel_shape": [2, 2], "strides": [1, 1]}, None)
    at = site(pool(), X.abs() + 0.1)
    r = relevance_at(at.outputs[0])
    same(apply(ShareByValue(0.0), at, r)[0], apply(Norm(0.0), site(average, *at.inputs), r)[0])


def test_sharing_a_maximum_evenly_gives_every_candidate_the_same() -> None:
    at = site(built("Max", {}, None, None, torch.tensor([0.3], dtype=torch.float64)), A, B)
    r = relevance_at(at.outputs[0])
    of_a, of_b = apply(ShareEvenly(), at, r)
    same(of_a, r / 2)
    same(of_b, r.sum((1, 3))[..., None] / 2)


# products

P, Q = random(2, 3, 4, seed=4), random(2, 4, 3, seed=5)


@pytest.mark.parametrize("rule", [Half(), Signal(), Signal(gate=5), Proportional()], ids=repr)
def test_a_matrix_product_gives_half_to_each_factor(rule: Rule) -> None:
    at = site(built("MatMul", {}, None, None), P, Q)
    r = relevance_at(at.outputs[0])
    s = r / (2 * st(P @ Q))
    of_p, of_q = apply(rule, at, r)
    same(of_p, P * (s @ Q.mT))
    same(of_q, Q * (P.mT @ s))


def test_the_factor_that_alone_depends_on_the_input_gets_all() -> None:
    at = site(built("MatMul", {}, None, None), P, Q, active=(False, True))
    r = relevance_at(at.outputs[0])
    of_p, of_q = apply(Half(), at, r)
    assert of_p is None
    same(of_q, Q * (P.mT @ (r / st(P @ Q))))


@pytest.mark.parametrize("gate", [0, 1])
def test_a_gate_gets_nothing_and_the_signal_all(gate: int) -> None:
    r = relevance_at(A * B)
    pulled = apply(Signal(gate), site(built("Mul", {}, None, None), A, B), r)
    assert pulled[gate] is None
    same(pulled[1 - gate], r if gate == 1 else r.sum((1, 3))[..., None])


def test_a_gate_that_alone_depends_on_the_input_gets_all() -> None:
    r = relevance_at(A * B)
    of_a, of_b = apply(Signal(0), site(built("Mul", {}, None, None), A, B, active=(True, False)), r)
    same(of_a, r)
    assert of_b is None


def test_an_elementwise_product_is_halved_even_where_it_is_zero() -> None:
    a = torch.where(A > 0, A, 0.0)
    r = relevance_at(a)
    of_a, of_b = apply(Half(), site(built("Mul", {}, None, None), a, a), r)
    same(of_a, r / 2)
    same(of_b, r / 2)


def test_proportional_shares_by_size_and_halves_at_zero() -> None:
    a, b = A.clone(), A.flip(0).clone()
    a[0, 0, 0] = b[0, 0, 0] = 0
    r = relevance_at(a)
    of_a, of_b = apply(Proportional(), site(built("Mul", {}, None, None), a, b), r)
    same(of_a + of_b, r)
    share = a.abs() / (a.abs() + b.abs())
    share[0, 0, 0] = 0.5
    same(of_a, r * share)


@pytest.mark.parametrize("rule", [Half(), Signal(), Proportional()], ids=repr)
def test_a_quotient_gives_all_to_its_numerator_or_else_to_its_denominator(rule: Rule) -> None:
    r = relevance_at(A / B)
    div = built("Div", {}, None, None)
    of_a, of_b = apply(rule, site(div, A, B), r)
    same(of_a, r)
    assert of_b is None
    of_a, of_b = apply(rule, site(div, A, B, active=(False, True)), r)
    assert of_a is None
    same(of_b, r.sum((1, 3))[..., None])


# softmax and normalisation


@pytest.mark.parametrize("axis", [1, -1])
def test_softmax_is_expanded_over_its_own_axis(axis: int) -> None:
    at = site(built("Softmax", {"axis": axis}, None), A)
    r = relevance_at(A)
    s = A.softmax(axis)
    lifted = axis + 1 if axis > 0 else axis
    same(apply(TaylorSoftmax(), at, r)[0], A * (r - s * r.sum(lifted, keepdim=True)))


def test_log_softmax_is_expanded_likewise() -> None:
    at = site(built("LogSoftmax", {}, None), A)
    r = relevance_at(A)
    q = r / A.log_softmax(-1)
    same(apply(TaylorSoftmax(), at, r)[0], A * (q - A.softmax(-1) * q.sum(-1, keepdim=True)))


def test_masked_entries_of_a_softmax_get_nothing() -> None:
    x = A.clone()
    x[..., 1] = -torch.inf
    (pulled,) = apply(TaylorSoftmax(), site(built("Softmax", {}, None), x), relevance_at(A))
    assert torch.isfinite(pulled).all()
    assert (pulled[..., 1] == 0).all()


def test_a_constant_gets_no_relevance() -> None:
    assert apply(Constant(), site(built("Softmax", {}, None), A), relevance_at(A)) == (None,)


def test_layer_norm_is_an_epsilon_rule_with_its_deviation_frozen() -> None:
    gamma, beta = random(4, seed=6), random(4, seed=7)
    at = site(built("LayerNormalization", {"epsilon": 1e-5}, None, gamma, beta), A)
    r = relevance_at(A)
    deviation = (A.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    y = (A - A.mean(-1, keepdim=True)) / deviation * gamma + beta
    q = r / st(y) * gamma / deviation
    same(apply(FrozenStatistics(), at, r)[0], A * (q - q.mean(-1, keepdim=True)))


def test_rms_norm_without_stabiliser_is_the_identity() -> None:
    at = site(built("RMSNormalization", {}, None, random(4, seed=6)), A)
    r = relevance_at(A)
    same(apply(FrozenStatistics(0.0), at, r)[0], r)
    same(apply(Pass(), at, r)[0], r)


# anything


def test_the_adjoint_is_the_layers_own() -> None:
    at = site(built("Relu", {}, None), A)
    r = relevance_at(A)
    same(apply(Adjoint(), at, r)[0], r * (A > 0))


def test_relevance_at_a_second_output_is_an_error() -> None:
    at = site(built("Relu", {}, None), A)
    with pytest.raises(RuleError, match="relevance arrived at output 1"):
        Pass()(at, (None, torch.zeros(T)))
