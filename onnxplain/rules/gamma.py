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
from .temporaries import over, times_over

Variant = Literal["generalized", "original"]
_above_zero = torch.ops.aten.threshold_backward


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
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = layer.bias(x)
    if bias == "absorb" and stabilizer:
        found = (_where_positive if at.positive else _by_sign)(at, b, r, gamma, stabilizer)
        if found is not None:
            return found
    part = None if bias == "ignore" else b
    halves = Halves.of(at)
    positive = halves.positive(x.new_zeros(()) if part is None else part.clamp(min=0))
    z = y if part is not None or b is None else y - b
    # 1 where y > 0, 1 where y < 0: masks as numbers, many times faster than `where`
    sign = y.sign()
    nonzero, above = sign.abs(), sign.clamp(min=0)
    below = nonzero - above
    own = (above * positive).add_((z - positive).clamp_(max=0).mul_(below))
    s = ratio(r, torch.add(z, own, alpha=gamma), stabilizer)
    u, v = (times_over(s, torch.add(nonzero, side, alpha=gamma)) for side in (above, below))
    pulled = halves.pull((Weighed(1, 0), u), (Weighed(0, 1), v))
    if part is None or bias != "distribute":
        return pulled
    weight = above * (part + gamma * part.clamp(min=0)) + below * (part + gamma * part.clamp(max=0))
    return plus_bias_share(pulled, layer, weight * s, x)


def _where_positive(at: Site, b: Tensor | None, r: Tensor, gamma: float, stabilizer: float) -> Tensor | None:
    """Where all relevance falls on z > 0: z + γz⁺ is shared out. None where no kernel computes it."""
    halves, raised, y = Halves.of(at), Weighed(1 + gamma, 1), at.outputs[0]
    shift = at.inputs[0].new_full((), stabilizer)
    if halves.signed:
        # z + γ(z + |J||x| + |b|)/2: where z > 0 nothing cancels out
        whole = halves.size(gamma / 2, shift if b is None else b.abs() * (gamma / 2) + stabilizer)
        whole = None if whole is None else whole.add_(y, alpha=1 + gamma / 2)
    else:
        whole = halves.forward(raised, shift if b is None else torch.add(b, b.clamp(min=0), alpha=gamma) + stabilizer)
    return None if whole is None else halves.pull((raised, over(r, whole.clamp_(min=stabilizer))))


def _by_sign(at: Site, b: Tensor | None, r: Tensor, gamma: float, stabilizer: float) -> Tensor | None:
    """Where z may have either sign: z + γz⁺ is shared out where z > 0, −z − γz⁻ = (z + γz⁺) − (2 + γ)z where z < 0, the
    larger of both in either case. None where no kernel computes it."""
    halves, raised, y = Halves.of(at), Weighed(1 + gamma, 1), at.outputs[0]
    shift = at.inputs[0].new_full((), stabilizer)
    above = halves.forward(raised, shift if b is None else torch.add(b, b.clamp(min=0), alpha=gamma) + stabilizer)
    if above is None:
        return None
    opposite = -y
    below = torch.add(above, opposite, alpha=2 + gamma)
    s = over(r, torch.maximum(above, below, out=above).clamp_(min=stabilizer))
    del above, below
    both, first, second = halves.room(s)
    u, v = _where_above_zero(s, y, first), _where_above_zero(s, opposite, second)
    return halves.pull((raised, u), (Weighed(-1, -1 - gamma), v), both=both)


def _where_above_zero(s: Tensor, z: Tensor, place: Tensor | None) -> Tensor:
    """s where z > 0, else 0; written to its place, if it has one."""
    if place is None:
        return _above_zero.default(s, z.expand_as(s), 0)
    return _above_zero.grad_input(s, z.expand_as(s), 0, grad_input=place)


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
