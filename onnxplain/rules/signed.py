"""LRP rules that treat positive and negative contributions differently: αβ, z⁺. (γ: rules/gamma.py.)"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Affine
from .base import INPUTS, INPUTS_AND_OUTPUTS, Relevances, Rule, Site, only, ratio, require, require_one_of, stabilize
from .bias import BIAS, Bias, plus_bias_share
from .halves import POSITIVE, Halves, Weighed
from .temporaries import over

#: as `Bias`; "whole": b itself, not its positive or negative part, stands in both denominators (iNNvestigate)
SignedBias = Literal["absorb", "ignore", "distribute", "whole"]


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
    makes_anew = True
    reads_where_positive: ClassVar[frozenset[str]] = INPUTS_AND_OUTPUTS
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
    makes_anew = True
    reads_where_positive: ClassVar[frozenset[str]] = INPUTS_AND_OUTPUTS
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


def _affine(at: Site) -> Affine:
    assert isinstance(at.layer, Affine)
    return at.layer


def _alpha_beta(at: Site, r: Tensor, beta: float, bias: SignedBias, stabilizer: float) -> Tensor:
    layer, x = _affine(at), at.inputs[0]
    b = layer.bias(x)
    part = b if bias in ("absorb", "distribute") else None
    halves = Halves.of(at)
    above, below = _denominators(halves, at, b, bias, stabilizer, beta != 0)
    v: Tensor | None = None
    if below is None:
        u = over(r, above) if stabilizer else ratio(r, above)
        pulled = halves.pull((POSITIVE, u))
    else:
        both, first, second = halves.room(r) if stabilizer else (None, None, None)
        u, v = (torch.div(r, z, out=p) if stabilizer else ratio(r, z) for z, p in ((above, first), (below, second)))
        # α·a − β·b, as α − β = 1
        pulled = halves.pull((Weighed(1 + beta, 0), u), (Weighed(0, -beta), v), both=both)
    if part is None or bias != "distribute":
        return pulled
    even = part.clamp(min=0) * u * (1 + beta)
    return plus_bias_share(pulled, layer, even if v is None else even - part.clamp(max=0) * v * beta, x)


def _denominators(
    halves: Halves, at: Site, b: Tensor | None, bias: SignedBias, stabilizer: float, both: bool
) -> tuple[Tensor, Tensor | None]:
    """st(z⁺) and st(z⁻) with their parts of the bias: both parts together are b, and y − z⁺ has it whole."""
    x, y = at.inputs[0], at.outputs[0]
    if b is not None and bias == "whole":
        positive = halves.positive(x.new_zeros(()))
        below = stabilize(_rest(y - b, positive, 0.0) + b, stabilizer) if both else None
        return stabilize(positive + b, stabilizer), below
    part = None if bias == "ignore" else b
    # the stabiliser goes with the bias into the kernel that computes z⁺
    shift = x.new_full((), stabilizer)
    if halves.signed and at.positive and (part is not None or b is None):
        # (z + |J||x| + |b|) / 2: where z > 0 that is no less than half of what is added up, and nothing cancels out
        size = halves.size(0.5, shift if part is None else part.abs() / 2 + stabilizer)
        positive = size.add_(y, alpha=0.5).clamp_(min=stabilizer)
    else:
        positive = halves.positive(shift if part is None else part.clamp(min=0) + stabilizer)
        if not x.is_cpu:  # elsewhere convolutions may take a way (Winograd, Fourier) that rounds 0 to less than 0
            positive = positive.clamp(min=stabilizer)
    if not both:
        return positive, None
    return positive, _rest(y if part is not None or b is None else y - b, positive, stabilizer)


def _rest(z: Tensor, positive: Tensor, stabilizer: float) -> Tensor:
    """z⁻ − ε = z − (z⁺ + ε), z⁻ ≤ 0; rounding must not make it positive."""
    return (z - positive).clamp_(max=-stabilizer)
