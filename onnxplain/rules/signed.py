"""LRP rules that treat positive and negative contributions differently: αβ, z⁺, γ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Affine
from .base import INPUTS, INPUTS_AND_OUTPUTS, Relevances, Rule, Site, only, ratio, require, require_one_of
from .bias import BIAS, Bias, plus_bias_share

#: as `Bias`; "whole": b itself, not its positive or negative part, stands in both denominators (iNNvestigate)
SignedBias = Literal["absorb", "ignore", "distribute", "whole"]
Variant = Literal["generalized", "original"]


@dataclass(frozen=True)
class AlphaBeta(Rule):
    """R_x = α·(positive contributions' shares of R) − β·(negative ones'), α − β = 1.

    z⁺ = x⁺J⁺ + x⁻J⁻ + b⁺ and z⁻ = x⁺J⁻ + x⁻J⁺ + b⁻ = z − z⁺; where there are no positive contributions α's part is
    lost, likewise β's. Bach et al. 2015, eq. 60; for negative inputs and biases as zennit.
    """

    alpha: float = 2.0
    beta: float = 1.0
    bias: SignedBias = "absorb"
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        require_one_of(self, "bias", self.bias, get_args(SignedBias))
        difference = self.alpha - self.beta
        if not abs(difference - 1) < 1e-9:
            raise RuleError(
                f"AlphaBeta needs alpha - beta = 1, got {self.alpha:g} - {self.beta:g} = {difference:g}"
            )

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (_alpha_beta(at, only(relevance), self.alpha, self.beta, self.bias, self.stabilizer),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS if self.beta else INPUTS


@dataclass(frozen=True)
class ZPlus(Rule):
    """R_x = [x⁺ ⊙ J⁺ᵀ + x⁻ ⊙ J⁻ᵀ](R / st(z⁺)), z⁺ = x⁺J⁺ + x⁻J⁻ + b⁺: positive contributions only.

    AlphaBeta at α = 1, β = 0. Montavon et al. 2017, eq. 9.
    """

    bias: Bias = "absorb"
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (_alpha_beta(at, only(relevance), 1.0, 0.0, self.bias, self.stabilizer),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS


@dataclass(frozen=True)
class PositiveWeights(Rule):
    """R_x = x ⊙ J⁺ᵀ(R / st(J⁺x + b)): z⁺ without regard to the input's sign, the whole bias in the denominator.

    Equals ZPlus(bias="ignore") where x ≥ 0 and the bias is ignored. captum's Alpha1_Beta0_Rule; with bias="ignore"
    iNNvestigate's z_plus_fast.
    """

    bias: Bias = "absorb"
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x, r = _affine(at), at.inputs[0], only(relevance)
        b = None if self.bias == "ignore" else layer.bias(x)
        z = layer.linear(x, "positive")
        s = ratio(r, z if b is None else z + b, self.stabilizer)
        share = b * s if b is not None and self.bias == "distribute" else None
        return (plus_bias_share(x * layer.transpose(s, x, "positive"), layer, share, x),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS


@dataclass(frozen=True)
class Gamma(Rule):
    """Contributions of z's own sign count (1 + γ)-fold: ε-rule at γ = 0, z⁺ as γ → ∞.

    "generalized": where z > 0 the share of i is x_i w_ij + γ(x_i w_ij)⁺ over z + γz⁺, where z < 0 the same with
    negative parts over z + γz⁻, and nothing where z = 0; the sign is that of z with its bias under every bias policy.
    "original": x(w + γw⁺) over x(w + γw⁺) + b, for x ≥ 0 and z > 0 (the bias is not scaled, as in captum).
    Montavon et al. 2019, section 10.2.3; Andéol et al. 2021 for the generalised form.
    """

    gamma: float = 0.25
    variant: Variant = "generalized"
    bias: Bias = "absorb"
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, gamma=self.gamma, stabilizer=self.stabilizer)
        require_one_of(self, "variant", self.variant, get_args(Variant))
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        gamma = _original_gamma if self.variant == "original" else _generalized_gamma
        return (gamma(at, only(relevance), self.gamma, self.bias, self.stabilizer),)


def _affine(at: Site) -> Affine:
    assert isinstance(at.layer, Affine)
    return at.layer


def _positive(layer: Affine, at: Site) -> Tensor:
    """x⁺J⁺ + x⁻J⁻; one product where x is known to be ≥ 0."""
    x = at.inputs[0]
    if at.is_nonnegative(0):
        return layer.linear(x, "positive")
    return layer.linear(x.clamp(min=0), "positive") + layer.linear(x.clamp(max=0), "negative")


def _pull(layer: Affine, at: Site, u: Tensor, v: Tensor | None) -> Tensor:
    """x⁺ ⊙ (J⁺ᵀu + J⁻ᵀv) + x⁻ ⊙ (J⁻ᵀu + J⁺ᵀv): u goes to positive contributions, v to negative ones."""
    x = at.inputs[0]

    def back(first: Tensor, second: Tensor | None) -> Tensor:
        g = layer.transpose(first, x, "positive")
        return g if second is None else g + layer.transpose(second, x, "negative")

    if at.is_nonnegative(0):
        return x * back(u, v)
    crossed = layer.transpose(u, x, "negative")
    crossed = crossed if v is None else crossed + layer.transpose(v, x, "positive")
    return x.clamp(min=0) * back(u, v) + x.clamp(max=0) * crossed


def _alpha_beta(at: Site, r: Tensor, alpha: float, beta: float, bias: SignedBias, stabilizer: float) -> Tensor:
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = layer.bias(x)
    part = b if bias in ("absorb", "distribute") else None
    # z⁺ and z⁻ with their parts of the bias: both parts together are b, and y − z⁺ has it whole
    positive = _positive(layer, at) if part is None else _positive(layer, at) + part.clamp(min=0)
    whole = b if bias == "whole" else None
    u = ratio(r, positive if whole is None else positive + whole, stabilizer)
    u = u if alpha == 1 else alpha * u
    v = None
    if beta:
        negative = _rest(y if part is not None or b is None else y - b, positive)
        v = -beta * ratio(r, negative if whole is None else negative + whole, stabilizer)
    pulled = _pull(layer, at, u, v)
    if part is None or bias != "distribute":
        return pulled
    share = part.clamp(min=0) * u
    return plus_bias_share(pulled, layer, share if v is None else share + part.clamp(max=0) * v, x)


def _rest(z: Tensor, positive: Tensor) -> Tensor:
    """z⁻ = z − z⁺; rounding must not make it positive."""
    return (z - positive).clamp(max=0)


def _generalized_gamma(at: Site, r: Tensor, gamma: float, bias: Bias, stabilizer: float) -> Tensor:
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = layer.bias(x)
    part = None if bias == "ignore" else b
    positive = _positive(layer, at) if part is None else _positive(layer, at) + part.clamp(min=0)
    z = y if part is not None or b is None else y - b
    # 1 where y > 0, 1 where y < 0: masks as numbers, many times faster than `where`
    sign = y.sign()
    nonzero, above = sign.abs(), sign.clamp(min=0)
    below = nonzero - above
    s = ratio(r, torch.add(z, above * positive + below * _rest(z, positive), alpha=gamma), stabilizer)
    u, v = (s * torch.add(nonzero, own, alpha=gamma) for own in (above, below))
    pulled = _pull(layer, at, u, v)
    if part is None or bias != "distribute":
        return pulled
    weight = above * (part + gamma * part.clamp(min=0)) + below * (part + gamma * part.clamp(max=0))
    return plus_bias_share(pulled, layer, weight * s, x)


def _original_gamma(at: Site, r: Tensor, gamma: float, bias: Bias, stabilizer: float) -> Tensor:
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = None if bias == "absorb" else layer.bias(x)
    z = (y - b if b is not None and bias == "ignore" else y) + gamma * layer.linear(x, "positive")
    s = ratio(r, z, stabilizer)
    pulled = x * (layer.transpose(s, x) + gamma * layer.transpose(s, x, "positive"))
    return plus_bias_share(pulled, layer, b * s if b is not None and bias == "distribute" else None, x)
