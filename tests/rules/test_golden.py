"""Single layers against the numbers of zennit 0.5.1, captum 0.9.0 and LXT 2.1 (tests/golden/peers/README.md)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from onnxplain.layers.base import Layer
from onnxplain.layers.kinds import Affine
from onnxplain.rules import (
    AlphaBeta,
    Epsilon,
    Flat,
    FrozenStatistics,
    Gamma,
    Half,
    Norm,
    PositiveWeights,
    Rule,
    Signal,
    Site,
    TaylorSoftmax,
    WSquare,
    ZBox,
    ZPlus,
)

from .sites import apply, built, golden, site

GOLDEN = golden()
#: LXT adds its ε without the sign of z, so agreement is to about ε / |z|; the smallest |z| here is above 0.01
UNSIGNED = 1e-3

ZENNIT: dict[str, Rule] = {
    "epsilon_1e6": Epsilon(1e-6),
    "epsilon_025": Epsilon(0.25),
    "zplus": ZPlus(),
    "alpha2beta1": AlphaBeta(2, 1),
    "gamma_025": Gamma(0.25),
    "zbox_m3_3": ZBox(-3.0, 3.0),
    "wsquare": WSquare(),
    "flat": Flat(),
    "epsilon_nobias": Epsilon(1e-6, bias="ignore"),
    "zplus_nobias": ZPlus(bias="ignore"),
    "alpha2beta1_nobias": AlphaBeta(2, 1, bias="ignore"),
    "gamma_nobias": Gamma(0.25, bias="ignore"),
}
CAPTUM: dict[str, Rule] = {
    "epsilon_1e9": Epsilon(1e-9),
    "gamma_025": Gamma(0.25, "original", stabilizer=1e-9),
    "gamma_nobias": Gamma(0.25, "original", bias="ignore", stabilizer=1e-9),
    "alpha1beta0": PositiveWeights(stabilizer=1e-9),
    "alpha1beta0_nobias": PositiveWeights(bias="ignore", stabilizer=1e-9),
}
PROBLEM = pytest.mark.parametrize("problem", ["linear", "conv_s2p1"])


def close(actual: Tensor | None, expected: Tensor, of_largest: float = 1e-9) -> None:
    """Equal to within a part of the largest value."""
    assert actual is not None and actual.shape == expected.shape
    torch.testing.assert_close(actual, expected, rtol=0, atol=of_largest * float(expected.abs().max()))


def layer(problem: str) -> tuple[Affine, Tensor]:
    x, w, b = (GOLDEN[f"{problem}/in/{n}"] for n in ("x", "weight", "bias"))
    conv: dict[str, Any] = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
    op, attributes = ("Gemm", {"transB": 1}) if problem == "linear" else ("Conv", conv)
    made = built(op, attributes, None, w, b)
    assert isinstance(made, Affine)
    return made, x


@PROBLEM
@pytest.mark.parametrize("name", ZENNIT)
def test_rule_equals_zennit(problem: str, name: str) -> None:
    made, x = layer(problem)
    (pulled,) = apply(ZENNIT[name], site(made, x), GOLDEN[f"{problem}/in/R"][None])
    close(pulled[0], GOLDEN[f"{problem}/zennit/{name}"])


@PROBLEM
@pytest.mark.parametrize("name", CAPTUM)
def test_rule_equals_captum(problem: str, name: str) -> None:
    made, x = layer(problem)
    at = site(made, x)
    y = at.outputs[0].flatten(1)
    seed = torch.zeros_like(y)
    seed[:, 0] = y[:, 0]  # captum starts from the target's own output
    # and through a Flatten under its ε-rule
    seed = seed * y / (y + 1e-9 * torch.where(y >= 0, 1, -1))
    (pulled,) = apply(CAPTUM[name], at, seed.reshape(1, *at.outputs[0].shape))
    close(pulled[0], GOLDEN[f"{problem}/captum/{name}/target0"])


def lxt(problem: str, rule: Rule, made: Layer, inputs: Sequence[Tensor], of_largest: float) -> None:
    pulled = apply(rule, site(made, *inputs), GOLDEN[f"{problem}/in/R"][None])
    for i, p in enumerate(pulled):
        assert p is not None
        close(p[0], GOLDEN[f"{problem}/lxt_explicit/R_a{i}"], of_largest)


def inputs_of(problem: str) -> list[Tensor]:
    return [GOLDEN[f"{problem}/in/a{i}"] for i in range(3) if f"{problem}/in/a{i}" in GOLDEN]


def test_linear_equals_lxt_up_to_the_sign_of_epsilon() -> None:
    made = built("Gemm", {"transB": 1}, None, GOLDEN["lxt_linear/in/W"], GOLDEN["lxt_linear/in/b"])
    lxt("lxt_linear", Epsilon(1e-6), made, inputs_of("lxt_linear"), UNSIGNED)


def test_softmax_equals_lxt() -> None:
    lxt("lxt_softmax", TaylorSoftmax(), built("Softmax", {}, None), inputs_of("lxt_softmax"), 1e-9)


def test_matmul_equals_lxt_up_to_the_sign_of_epsilon() -> None:
    lxt("lxt_matmul", Half(0.5e-8), built("MatMul", {}, None, None), inputs_of("lxt_matmul"), 1e-5)


def test_elementwise_product_equals_lxt() -> None:
    lxt("lxt_mul2", Half(), built("Mul", {}, None, None), inputs_of("lxt_mul2"), 1e-9)


def test_sum_of_two_equals_lxt_up_to_the_sign_of_epsilon() -> None:
    lxt("lxt_add2", Epsilon(1e-8), built("Add", {}, None, None), inputs_of("lxt_add2"), 1e-5)


def test_mean_equals_lxt_up_to_the_place_of_epsilon() -> None:
    made = built("ReduceMean", {"keepdims": 1}, None, torch.tensor([-1]))
    lxt("lxt_mean_last", Norm(), made, inputs_of("lxt_mean_last"), UNSIGNED)


def test_layer_norm_equals_lxt_up_to_the_sign_of_epsilon() -> None:
    scale, offset = GOLDEN["lxt_layernorm/in/weight"], GOLDEN["lxt_layernorm/in/bias"]
    made = built("LayerNormalization", {"epsilon": 1e-5}, None, scale, offset)
    lxt("lxt_layernorm", FrozenStatistics(), made, inputs_of("lxt_layernorm"), UNSIGNED)


def attention(q: Tensor, k: Tensor, v: Tensor) -> list[Site]:
    """The sites of softmax(q kᵀ / √8) v, first to last."""
    scores = site(built("MatMul", {}, None, None), q, k.mT)
    scaled = scores.outputs[0] / 8**0.5
    weights = site(built("Softmax", {}, None), scaled)
    return [scores, weights, site(built("MatMul", {}, None, None), weights.outputs[0], v)]


def test_an_attention_head_equals_lxt_up_to_the_sign_of_epsilon() -> None:
    scores, weights, mixed = attention(*inputs_of("attention_AttnLRP"))
    of_weights, of_values = apply(Half(0.5e-8), mixed, GOLDEN["attention_AttnLRP/in/R"][None])
    (of_scores,) = apply(TaylorSoftmax(), weights, of_weights)
    of_query, of_key = apply(Half(0.5e-8), scores, of_scores)
    pulled = (of_query, of_key.mT, of_values)
    for i, p in enumerate(pulled):
        close(p[0], GOLDEN[f"attention_AttnLRP/lxt_explicit/R_a{i}"], 1e-5)


def test_an_attention_head_with_constant_weights_equals_the_closed_form() -> None:
    q, k, v, r = (GOLDEN[f"attention_CPLRP/in/{n}"] for n in ("q", "k", "v", "R"))
    *_, mixed = attention(q, k, v)
    of_weights, of_values = apply(Signal(gate=0, epsilon=1e-8), mixed, r[None])
    assert of_weights is None
    close(of_values[0], GOLDEN["attention_CPLRP/closed_form/R_v"], 1e-5)
