"""LRP-γ: contributions of an output's own sign count more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Affine
from .base import Relevances, Rule, Site, only, ratio, require, require_one_of
from .bias import BIAS, Bias, plus_bias_share
from .halves import Halves, Weighed
from .temporaries import over

Variant = Literal["generalized", "original"]
_unless_zero = torch.ops.aten.hardshrink_backward
_turned = torch.ops.aten.leaky_relu_backward.default


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
    makes_anew = True
    takes_rectified: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, gamma=self.gamma, stabilizer=self.stabilizer)
        require_one_of(self, "variant", self.variant, get_args(Variant))
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        gamma = _original_gamma if self.variant == "original" else _generalized_gamma
        return (gamma(at, only(relevance), self.gamma, self.bias, self.stabilizer),)

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return self.bias != "distribute"


def _generalized_gamma(at: Site, r: Tensor, gamma: float, bias: Bias, stabilizer: float) -> Tensor:
    """As c⁺ = (c + |c|)/2, with ρ = γ/(2 + γ): contributions c count c + ρ|c| over z + ρΣ|c| where z > 0, c − ρ|c| over
    z − ρΣ|c| where z < 0. What is added up there has one sign, that of z, and nothing cancels out."""
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b, halves = layer.bias(x), Halves.of(at)
    if at.positive and bias == "absorb" and stabilizer:
        return _where_positive(halves, y, b, r, gamma, stabilizer)
    rho, least = gamma / (2 + gamma), stabilizer / (1 + gamma / 2)
    if b is not None and bias == "ignore":
        s = ratio(r, halves.size(rho, x.new_zeros(())).copysign_(y).add_(y - b), least)
    else:
        shift = x.new_full((), least)
        z = halves.size(rho, shift if b is None else torch.add(shift, b.abs(), alpha=rho)).copysign_(y).add_(y)
        s = over(r, z) if stabilizer else ratio(r, z)
    sign = y.expand_as(s)
    s = _unless_zero.default(s, sign, 0) if s.requires_grad else _unless_zero.grad_input(s, sign, 0, grad_input=s)
    t = _turned(s, sign, -1, False)  # −s where z < 0
    pulled = halves.pull_sized(s, rho, t)
    share = None if b is None or bias != "distribute" else torch.add(b * s, b.abs() * t, alpha=rho)
    return plus_bias_share(pulled, layer, share, x)


def _where_positive(halves: Halves, y: Tensor, b: Tensor | None, r: Tensor, gamma: float, stabilizer: float) -> Tensor:
    """Where all relevance falls on z > 0: z + γz⁺ is shared out."""
    raised, shift, whole = Weighed(1 + gamma, 1), y.new_full((), stabilizer), None
    if not halves.signed:
        whole = halves.forward(raised, shift if b is None else torch.add(b, b.clamp(min=0), alpha=gamma) + stabilizer)
    if whole is None:
        # z + γ(z + |J||x| + |b|)/2: where z > 0 nothing cancels out
        size = halves.size(gamma / 2, shift if b is None else b.abs() * (gamma / 2) + stabilizer)
        whole = size.add_(y, alpha=1 + gamma / 2)
    return halves.pull((raised, over(r, whole.clamp_(min=stabilizer))))


def _affine(at: Site) -> Affine:
    assert isinstance(at.layer, Affine)
    return at.layer


def _original_gamma(at: Site, r: Tensor, gamma: float, bias: Bias, stabilizer: float) -> Tensor:
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = None if bias == "absorb" else layer.bias(x)
    z = (y - b if b is not None and bias == "ignore" else y) + gamma * layer.linear(x, "positive")
    s = ratio(r, z, stabilizer)
    pulled = x * (layer.transpose(s, x) + gamma * layer.transpose(s, x, "positive"))
    return plus_bias_share(pulled, layer, b * s if b is not None and bias == "distribute" else None, x)
