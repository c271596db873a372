"""LRP rules that treat positive and negative contributions differently: αβ, z⁺, γ."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Affine, positive_part
from .base import INPUTS, INPUTS_AND_OUTPUTS, Relevances, Rule, Site, only, ratio, require, require_one_of, stabilize
from .bias import BIAS, Bias, plus_bias_share
from .temporaries import over, times, times_over

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
    takes_rectified: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        require_one_of(self, "bias", self.bias, get_args(SignedBias))
        difference = self.alpha - self.beta
        if not abs(difference - 1) < 1e-9:
            raise RuleError(
                f"AlphaBeta needs alpha - beta = 1, got {self.alpha:g} - {self.beta:g} = {difference:g}"
            )

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (_alpha_beta(at, only(relevance), self.beta, self.bias, self.stabilizer),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS if self.beta else INPUTS

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return self.bias != "distribute"


@dataclass(frozen=True)
class ZPlus(Rule):
    """R_x = [x⁺ ⊙ J⁺ᵀ + x⁻ ⊙ J⁻ᵀ](R / st(z⁺)), z⁺ = x⁺J⁺ + x⁻J⁻ + b⁺: positive contributions only.

    AlphaBeta at α = 1, β = 0. Montavon et al. 2017, eq. 9.
    """

    bias: Bias = "absorb"
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)
    takes_rectified: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (_alpha_beta(at, only(relevance), 0.0, self.bias, self.stabilizer),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return self.bias != "distribute"


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

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return self.bias != "distribute"


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


def _affine(at: Site) -> Affine:
    assert isinstance(at.layer, Affine)
    return at.layer


@dataclass(frozen=True, eq=False)
class Halves:
    """A layer's J⁺ and J⁻ at an input x. `fused`: where x ≥ 0, J⁺x + shift as one layer; else [J⁺ J⁻] of (x⁺, x⁻) along
    `axis`; None where the layer does not give it. `signed`: (x⁺, x⁻), None where x is known to be ≥ 0."""

    layer: Affine
    x: Tensor
    shift: Tensor
    fused: Affine | None
    axis: int = 0
    signed: tuple[Tensor, Tensor] | None = None

    @classmethod
    def of(cls, at: Site, shift: Tensor) -> Halves:
        layer, x = _affine(at), at.inputs[0]
        if at.is_nonnegative(0):
            return cls(layer, x, shift, layer.reweighted(positive_part, shift))
        fused, axis = layer.halves(shift) or (None, 0)
        return cls(layer, x, shift, fused, axis, (x.clamp(min=0), x.clamp(max=0)))

    def positive(self) -> Tensor:
        """x⁺J⁺ + x⁻J⁻ + shift"""
        if self.fused is not None:
            return self.fused.forward(self.x if self.signed is None else torch.cat(self.signed, self.axis))
        if self.signed is None:
            return self.layer.linear(self.x, "positive") + self.shift
        above, below = self.signed
        return self.layer.linear(above, "positive") + self.layer.linear(below, "negative") + self.shift

    def transposes(self, r: Tensor) -> tuple[Tensor, Tensor]:
        """J⁺ᵀr and J⁻ᵀr, where x may have any sign."""
        if self.fused is not None and self.signed is not None:
            above, below = self.fused.transpose(r, torch.cat(self.signed, self.axis)).chunk(2, self.axis)
            return above, below
        return self.layer.transpose(r, self.x, "positive"), self.layer.transpose(r, self.x, "negative")

    def pull(self, u: Tensor, v: Tensor | None, mix: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """x⁺ ⊙ mix(J⁺ᵀu, J⁻ᵀv) + x⁻ ⊙ mix(J⁻ᵀu, J⁺ᵀv): u goes to positive contributions, v to negative ones."""
        if self.signed is None:
            own = self.layer.transpose(u, self.x, "positive") if self.fused is None else self.fused.transpose(u, self.x)
            mixed = own if v is None else mix(own, self.layer.transpose(v, self.x, "negative"))
            return times(self.x, mixed, self.layer)
        above, below = self.transposes(u)
        if v is not None:
            crossed, other = self.transposes(v)
            above, below = mix(above, other), mix(below, crossed)
        return self.signed[0] * above + self.signed[1] * below


@dataclass(frozen=True)
class Raised:
    """w → w + γw⁺"""

    gamma: float

    def __call__(self, w: Tensor) -> Tensor:
        return torch.add(w, w.clamp(min=0), alpha=self.gamma)


def _alpha_beta(at: Site, r: Tensor, beta: float, bias: SignedBias, stabilizer: float) -> Tensor:
    layer, x = _affine(at), at.inputs[0]
    b = layer.bias(x)
    part = b if bias in ("absorb", "distribute") else None
    # the stabiliser goes with the bias into the kernel that computes z⁺
    whole = b is not None and bias == "whole"
    shift = x.new_full((), 0.0 if whole else stabilizer)
    halves = Halves.of(at, shift if part is None else part.clamp(min=0) + stabilizer)
    above, below = _denominators(halves, at, b, bias, stabilizer, beta != 0)
    share = over if stabilizer else ratio
    mix = partial(torch.lerp, weight=-beta)  # α·a − β·b, as α − β = 1
    u = share(r, above)
    v = None if below is None else share(r, below)
    pulled = halves.pull(u, v, mix)
    if part is None or bias != "distribute":
        return pulled
    even = part.clamp(min=0) * u
    return plus_bias_share(pulled, layer, even if v is None else mix(even, part.clamp(max=0) * v), x)


def _denominators(
    halves: Halves, at: Site, b: Tensor | None, bias: SignedBias, stabilizer: float, both: bool
) -> tuple[Tensor, Tensor | None]:
    """st(z⁺) and st(z⁻) with their parts of the bias: both parts together are b, and y − z⁺ has it whole."""
    x, y = at.inputs[0], at.outputs[0]
    positive = halves.positive()
    if b is not None and bias == "whole":
        below = stabilize(_rest(y - b, positive, 0.0) + b, stabilizer) if both else None
        return stabilize(positive + b, stabilizer), below
    part = None if bias == "ignore" else b
    if not x.is_cpu:  # elsewhere convolutions may take a way (Winograd, Fourier) that rounds 0 to less than 0
        positive = positive.clamp(min=stabilizer)
    if not both:
        return positive, None
    return positive, _rest(y if part is not None or b is None else y - b, positive, stabilizer)


def _rest(z: Tensor, positive: Tensor, stabilizer: float) -> Tensor:
    """z⁻ − ε = z − (z⁺ + ε), z⁻ ≤ 0; rounding must not make it positive."""
    return (z - positive).clamp_(max=-stabilizer)


def _generalized_gamma(at: Site, r: Tensor, gamma: float, bias: Bias, stabilizer: float) -> Tensor:
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = layer.bias(x)
    part = None if bias == "ignore" else b
    if at.rectified and bias == "absorb" and stabilizer:
        return _rectified_gamma(layer, at, b, r, gamma, stabilizer)
    halves = Halves.of(at, x.new_zeros(()) if part is None else part.clamp(min=0))
    positive = halves.positive()
    z = y if part is not None or b is None else y - b
    # 1 where y > 0, 1 where y < 0: masks as numbers, many times faster than `where`
    sign = y.sign()
    nonzero, above = sign.abs(), sign.clamp(min=0)
    below = nonzero - above
    own = (above * positive).add_(_rest(z, positive, 0.0).mul_(below))
    s = ratio(r, torch.add(z, own, alpha=gamma), stabilizer)
    u, v = (times_over(s, torch.add(nonzero, side, alpha=gamma)) for side in (above, below))
    pulled = halves.pull(u, v, torch.add)
    if part is None or bias != "distribute":
        return pulled
    weight = above * (part + gamma * part.clamp(min=0)) + below * (part + gamma * part.clamp(max=0))
    return plus_bias_share(pulled, layer, weight * s, x)


def _rectified_gamma(layer: Affine, at: Site, b: Tensor | None, r: Tensor, gamma: float, stabilizer: float) -> Tensor:
    """The generalised form where all relevance falls on z > 0: z + γz⁺ is shared out, where x ≥ 0 by one product."""
    x, y = at.inputs[0], at.outputs[0]
    if at.is_nonnegative(0):
        shift = x.new_full((), stabilizer) if b is None else torch.add(b, b.clamp(min=0), alpha=gamma) + stabilizer
        raised = layer.reweighted(Raised(gamma), shift)
        if raised is not None:
            return times(x, raised.transpose(over(r, raised.forward(x).clamp_(min=stabilizer)), x), raised)
    halves = Halves.of(at, x.new_zeros(()) if b is None else b.clamp(min=0))
    s = over(r, torch.add(y, halves.positive(), alpha=gamma).add_(stabilizer))
    agree, differ = halves.transposes(s)
    own = agree * x.clamp(min=0) + differ * x.clamp(max=0)
    return torch.add(x * (agree + differ), own, alpha=gamma)


def _original_gamma(at: Site, r: Tensor, gamma: float, bias: Bias, stabilizer: float) -> Tensor:
    layer, x, y = _affine(at), at.inputs[0], at.outputs[0]
    b = None if bias == "absorb" else layer.bias(x)
    z = (y - b if b is not None and bias == "ignore" else y) + gamma * layer.linear(x, "positive")
    s = ratio(r, z, stabilizer)
    pulled = x * (layer.transpose(s, x) + gamma * layer.transpose(s, x, "positive"))
    return plus_bias_share(pulled, layer, b * s if b is not None and bias == "distribute" else None, x)
