"""Every LRP rule on Affine layers equals its definition; conservation; stated errors."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from onnxplain.errors import RuleError
from onnxplain.rules import (
    AlphaBeta,
    Epsilon,
    Flat,
    Gamma,
    Norm,
    Pass,
    PositiveWeights,
    Rule,
    WSquare,
    ZBox,
    Zero,
    ZPlus,
)
from tests.layers.harness import C, Case, normal

from . import definitions as slow
from .sites import PROBLEMS, Problem, T, apply, built, relevance_at, site

Definition = Callable[..., Tensor]

#: (name, rule under a bias policy, definition, bias policies it knows)
RULES: list[tuple[str, Callable[[str], Rule], Definition, tuple[str, ...]]] = [
    ("epsilon", lambda b: Epsilon(bias=b), slow.epsilon, slow.BIAS),
    ("epsilon_025", lambda b: Epsilon(0.25, b), lambda *a: slow.epsilon(*a, eps=0.25), slow.BIAS),
    ("zero", lambda b: Zero(b), slow.zero, slow.BIAS),
    ("z_plus", lambda b: ZPlus(b), slow.z_plus, slow.BIAS),
    ("alpha2_beta1", lambda b: AlphaBeta(bias=b), slow.alpha_beta, (*slow.BIAS, "whole")),
    ("alpha_half", lambda b: AlphaBeta(0.5, -0.5, b), lambda *a: slow.alpha_beta(*a, alpha=0.5, beta=-0.5), slow.BIAS),
    ("positive_weights", lambda b: PositiveWeights(b), slow.positive_weights, slow.BIAS),
    ("gamma", lambda b: Gamma(bias=b), slow.gamma, slow.BIAS),
    ("gamma_original", lambda b: Gamma(variant="original", bias=b), slow.gamma_original, slow.BIAS),
    ("w_square", lambda b: WSquare(b), slow.w_square, slow.BIAS),
    ("norm", lambda b: Norm(), slow.norm, ("ignore",)),
    ("z_box", lambda b: ZBox(-3.0, 4.0), slow.z_box, ("absorb",)),
    ("flat", lambda b: Flat(), slow.flat, ("absorb",)),
]
GRID = [pytest.param(make(b), b, definition, id=f"{name}-{b}") for name, make, definition, bs in RULES for b in bs]
EVERY_PROBLEM = pytest.mark.parametrize("problem", PROBLEMS, ids=lambda p: p.name)


@EVERY_PROBLEM
@pytest.mark.parametrize(("rule", "bias", "definition"), GRID)
@pytest.mark.parametrize("known", ["signed", "positive", "known_positive"])
def test_rule_equals_its_definition(
    problem: Problem, rule: Rule, bias: str, definition: Definition, known: str
) -> None:
    x = problem.x(positive=known != "signed")
    at = site(problem.layer, x, nonnegative=(known == "known_positive",))
    r = relevance_at(at.outputs[0])
    (pulled,) = apply(rule, at, r)
    w, b, reads = problem.matrix
    for t in range(T):
        expected = definition(x.flatten(), w, b, reads, r[t].flatten(), bias)
        torch.testing.assert_close(pulled[t].flatten(), expected, rtol=1e-10, atol=1e-10)


@EVERY_PROBLEM
@pytest.mark.parametrize(
    "rule",
    [Zero("distribute"), Epsilon(0.0, "distribute"), Flat(0.0), WSquare("distribute", 0.0), ZBox(-3, 4, 0.0)],
    ids=repr,
)
def test_nothing_is_lost_to_a_distributed_bias(problem: Problem, rule: Rule) -> None:
    at = site(problem.layer, problem.x(False))
    r = relevance_at(at.outputs[0])
    (pulled,) = apply(rule, at, r)
    torch.testing.assert_close(pulled.flatten(1).sum(1), r.flatten(1).sum(1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("low", [torch.full((2, 1, 1), -3.0), torch.full((6, 5), -3.0), -3])
def test_box_bounds_broadcast_against_the_input(low: Tensor) -> None:
    problem = next(p for p in PROBLEMS if p.name == "conv_stride_padding")
    at = site(problem.layer, problem.x(False))
    r = relevance_at(at.outputs[0])
    torch.testing.assert_close(apply(ZBox(low, 4), at, r)[0], apply(ZBox(-3.0, 4.0), at, r)[0], rtol=1e-12, atol=0)


def test_box_bounds_that_do_not_broadcast_are_an_error_with_both_shapes() -> None:
    problem = PROBLEMS[0]
    at = site(problem.layer, problem.x(False))
    with pytest.raises(RuleError, match=r"low of shape \(4,\) does not broadcast to inputs \(3, 5\)"):
        apply(ZBox(torch.zeros(4), 1.0), at, relevance_at(at.outputs[0]))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("sign", [1, -1], ids=["inputs >= 0", "inputs < 0"])
@pytest.mark.parametrize("gamma", [0.25, 1e4])
def test_gamma_shares_out_nothing_where_contributions_cancel(dtype: torch.dtype, sign: int, gamma: float) -> None:
    layer = built("MatMul", {}, None, torch.tensor([[1.0, 2.0, -3.0], [-1.0, 2.0, 1.0]], dtype=dtype))
    x = torch.full((4096, 2), sign, dtype=dtype)  # z = 0, 4, -2 or their opposites
    (pulled,) = apply(Gamma(gamma), site(layer, x, nonnegative=(sign > 0,)), torch.tensor([5.0, 4.0, 2.0], dtype=dtype).expand(1, 4096, 3))
    # of the second output each gets half; of the third -3 counts 1 + g and 1 counts 1
    third = torch.tensor([3 * (1 + gamma), -1.0], dtype=torch.float64) * 2 / (2 + 3 * gamma)
    # bounds: a few roundings of the precision
    near = 8 * torch.finfo(dtype).eps + 1e-6
    torch.testing.assert_close(pulled.double(), (2 + third).expand_as(pulled), rtol=near, atol=near)


def test_gamma_zero_is_the_epsilon_rule_where_outputs_are_not_zero() -> None:
    for problem in PROBLEMS[:3]:
        at = site(problem.layer, problem.x(False))
        r = relevance_at(at.outputs[0])
        torch.testing.assert_close(apply(Gamma(0.0), at, r), apply(Epsilon(), at, r), rtol=1e-10, atol=1e-10)


def test_z_plus_is_alpha_one_beta_zero() -> None:
    for problem in PROBLEMS:
        at = site(problem.layer, problem.x(False))
        r = relevance_at(at.outputs[0])
        assert torch.equal(apply(ZPlus(), at, r)[0], apply(AlphaBeta(1, 0), at, r)[0])


def test_pass_moves_relevance_unchanged_and_sums_where_the_input_was_broadcast() -> None:
    case = Case("Mul", [normal(3, 1), C(normal(3, 4, seed=1))])
    at = site(case.layer(), *case.tensors())
    r = relevance_at(at.outputs[0])
    torch.testing.assert_close(apply(Pass(), at, r)[0], r.sum(-1, keepdim=True))


def test_pass_through_a_layer_that_changes_the_shape_is_an_error() -> None:
    at = site(PROBLEMS[0].layer, PROBLEMS[0].x(False))
    with pytest.raises(RuleError, match=r"got \(3, 5\) -> \(3, 4\)"):
        apply(Pass(), at, relevance_at(at.outputs[0]))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("make", [row[1] for row in RULES], ids=[row[0] for row in RULES])
def test_rules_keep_the_dtype_of_the_model(make: Callable[[str], Rule], dtype: torch.dtype) -> None:
    case = PROBLEMS[0].case
    at = site(case.layer(dtype), *case.tensors(dtype))
    (pulled,) = apply(make("absorb"), at, relevance_at(at.outputs[0].float()).to(dtype))
    assert pulled.dtype == dtype


def test_relevance_at_dead_outputs_is_finite() -> None:
    problem = PROBLEMS[1]
    x = torch.zeros_like(problem.x(False))
    at = site(problem.layer, x)
    for _, make, _, biases in RULES:
        (pulled,) = apply(make(biases[0]), at, relevance_at(at.outputs[0]))
        assert torch.isfinite(pulled).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AlphaBeta(2, 0.5), r"AlphaBeta needs alpha - beta = 1, got 2 - 0\.5 = 1\.5"),
        (lambda: Epsilon(-1), "Epsilon needs epsilon >= 0, got -1"),
        (lambda: Gamma(-0.1), "Gamma needs gamma >= 0, got -0.1"),
        (lambda: Gamma(variant="new"), "Gamma needs variant to be one of 'generalized', 'original', got 'new'"),
        (lambda: ZPlus("keep"), "ZPlus needs bias to be one of 'absorb', 'ignore', 'distribute', got 'keep'"),
        (lambda: ZBox(1.0, 0.0), "ZBox needs low <= high, got low = 1 and high = 0"),
        (lambda: ZBox([0.0, 2.0], [1.0, 1.0]), "ZBox needs low <= high, got low = 2 and high = 1"),
        (lambda: ZBox([0.0, 2.0], [1.0, 1.0, 1.0]), r"broadcast together, got shapes \(2,\) and \(3,\)"),
        (lambda: Epsilon(float("nan")), "Epsilon needs epsilon >= 0, got nan"),
    ],
)
def test_wrong_parameters_are_errors_with_their_numbers(make: Callable[[], Rule], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()
