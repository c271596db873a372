"""LRP rules that share relevance by contribution z_ij = x_i w_ij, with or without a stabiliser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Elementwise, Normalization, SoftmaxKind, alone
from ..layers.shapes import number, sum_to
from .base import (
    INPUTS,
    INPUTS_AND_OUTPUTS,
    NOTHING,
    Hot,
    Prepared,
    Relevances,
    Rule,
    Single,
    Site,
    factors_of,
    only,
    ratio,
    require,
    require_one_of,
)
from .bias import BIAS, Bias, plus_bias_share
from .temporaries import times


@dataclass(frozen=True)
class Epsilon(Rule):
    """R_x = x ⊙ Jᵀ(R / st_ε(z)): share by contribution; ε absorbs what small outputs cannot share out.

    On Additive the contributions are the terms of the sum. A constant term, or one that does not depend on what is
    explained, is a bias. Bach et al. 2015, eq. 58.
    """

    epsilon: float = 1e-6
    bias: Bias = "absorb"
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Additive)
    makes_anew = True
    takes_rectified: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return by_contribution(at, only(relevance), self.epsilon, self.bias)

    def single(self, layer: Layer, rectified: bool) -> Single | None:
        return contribution(layer, self.epsilon, self.bias, rectified)

    def over(self, layer: Layer, rectified: bool) -> Single | None:
        return contribution(layer, self.epsilon, self.bias, rectified, owned=True)

    def hot(self, layer: Layer) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        return hot_contribution(layer, self.epsilon, self.bias)

    def joins(self, layer: Layer) -> float | None:
        return self.epsilon or None if self.bias == "absorb" and isinstance(layer, Affine) else None

    def joined(self, layer: Layer, rectified: bool, owned: bool, divided: bool, then: float | None) -> Single:
        assert isinstance(layer, Affine)
        return joined_contribution(layer, self.epsilon, rectified, owned, divided, then)

    def hot_joined(self, layer: Layer, then: float) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        return hot_contribution(layer, self.epsilon, self.bias, then)

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        return contributions(layer, active, self.epsilon, self.bias)

    def reads(self, layer: Layer) -> frozenset[str]:
        return contribution_reads(layer, self.bias)

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return self.bias != "distribute"


@dataclass(frozen=True)
class Zero(Rule):
    """R_x = x ⊙ Jᵀ(R / z), 0 where z = 0: the ε-rule at ε = 0. Bach et al. 2015, eq. 56."""

    bias: Bias = "absorb"
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Additive)
    makes_anew = True
    takes_rectified: ClassVar[bool] = True

    def __post_init__(self) -> None:
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return by_contribution(at, only(relevance), 0.0, self.bias)

    def single(self, layer: Layer, rectified: bool) -> Single | None:
        return contribution(layer, 0.0, self.bias, rectified)

    def over(self, layer: Layer, rectified: bool) -> Single | None:
        return contribution(layer, 0.0, self.bias, rectified, owned=True)

    def hot(self, layer: Layer) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        return hot_contribution(layer, 0.0, self.bias)

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        return contributions(layer, active, 0.0, self.bias)

    def reads(self, layer: Layer) -> frozenset[str]:
        return contribution_reads(layer, self.bias)

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return self.bias != "distribute"


@dataclass(frozen=True)
class Norm(Rule):
    """R_x = x ⊙ Jᵀ(R / st(Jx)): share by value. On averages and sums the weights cancel; no bias takes part."""

    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Additive)
    makes_anew = True

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return by_contribution(at, only(relevance), self.stabilizer, "ignore")

    def single(self, layer: Layer, rectified: bool) -> Single | None:
        return contribution(layer, self.stabilizer, "ignore", rectified)

    def over(self, layer: Layer, rectified: bool) -> Single | None:
        return contribution(layer, self.stabilizer, "ignore", rectified, owned=True)

    def reads(self, layer: Layer) -> frozenset[str]:
        return contribution_reads(layer, "ignore")

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return True


@dataclass(frozen=True)
class Pass(Rule):
    """R_x = R: unchanged, summed where the input was broadcast."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Elementwise, SoftmaxKind, Normalization)
    passes = True

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return _passed(relevance, at.inputs, at.outputs)

    def direct(self, layer: Layer) -> Callable[..., Relevances]:
        return _passed

    def single(self, layer: Layer, rectified: bool) -> Single:
        return (lambda r, x, y: r) if alone(layer) else (lambda r, x, y: pass_to(r, x))

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared:
        return Prepared(lambda at: at.inputs, lambda r, v: _passed(r, v, ()), factors=lambda v: (1.0, *[None] * (len(v) - 1)))

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return outputs and isinstance(layer, Elementwise) and layer.zero_below


@dataclass(frozen=True)
class SplitEqually(Rule):
    """R_i = R / n for each of the n terms of a sum, whatever their values (as innsight does)."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Additive,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        active = [at.is_active(i) for i in range(len(at.inputs))]
        share = only(relevance) / sum(active)
        return tuple(sum_to(share, x.shape) if a else None for a, x in zip(active, at.inputs, strict=True))

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


def _passed(relevance: Relevances, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Relevances:
    return (pass_to(only(relevance), inputs[0]),)


def pass_to(r: Tensor, x: Tensor) -> Tensor:
    """r, summed to x's shape where x was broadcast."""
    if x.shape == r.shape[1:]:
        return r
    shape, made = tuple(x.shape), tuple(r.shape[1:])
    aligned = (1,) * (len(made) - len(shape)) + shape
    if len(aligned) != len(made) or any(n not in (1, m) for n, m in zip(aligned, made, strict=True)):
        raise RuleError(f"Pass needs an output of the input's shape, got {shape} -> {made}; take Epsilon or Norm here")
    return sum_to(r, shape)


def contribution_reads(layer: Layer, bias: Bias) -> frozenset[str]:
    # a sum without its constants is added up again from the terms
    return INPUTS if isinstance(layer, Additive) and bias == "ignore" else INPUTS_AND_OUTPUTS


def contributions(layer: Layer, active: Sequence[bool], epsilon: float, bias: Bias) -> Prepared | None:
    """`by_contribution`, with all that needs no relevance done before; where the bias absorbs its share."""
    if bias != "absorb":
        return None

    def inverse(at: Site) -> Tensor:
        y = at.outputs[0]
        return ratio(y.new_ones(()), y, epsilon, nonnegative=at.rectified)

    if isinstance(layer, Affine):
        return Prepared(
            lambda at: (at.inputs[0], inverse(at)),
            lambda r, parts: (parts[0] * layer.transpose(only(r) * parts[1], parts[0]),),
            around=lambda parts: (parts[1], parts[0]),
        )
    if not isinstance(layer, Additive):
        return None
    shared = [i for i, a in enumerate(active) if a]

    def shares(at: Site) -> list[Tensor]:
        terms, s = layer.terms(at.inputs), inverse(at)
        return [*at.inputs, *(terms[i] * s for i in shared)]

    def apply(r: Relevances, parts: Sequence[Tensor]) -> Relevances:
        out: list[Tensor | None] = [None] * len(active)
        for i, share in zip(shared, parts[len(active) :], strict=True):
            out[i] = sum_to(only(r) * share, parts[i].shape)
        return tuple(out)

    return Prepared(shares, apply, factors=factors_of(apply))


def by_contribution(at: Site, r: Tensor, epsilon: float, bias: Bias) -> Relevances:
    if isinstance(at.layer, Additive):
        return _terms(at.layer, at, r, epsilon, bias)
    assert isinstance(at.layer, Affine)
    return (_affine(at.layer, r, at.inputs[0], at.outputs[0], epsilon, bias, at.rectified),)


def contribution(layer: Layer, epsilon: float, bias: Bias, rectified: bool, owned: bool = False) -> Single | None:
    """`by_contribution` at a layer that is known beforehand, for an Affine; `owned`: it may write over the relevance."""
    if not isinstance(layer, Affine):
        return None
    if bias == "absorb":
        return joined_contribution(layer, epsilon, rectified, owned, divided=False, then=None)
    return lambda r, x, y: _affine(layer, r, x, y, epsilon, bias, rectified)


def hot_contribution(
    layer: Layer, epsilon: float, bias: Bias, then: float | None = None
) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
    """`contribution` of relevance at single units: no product, as the other units have none."""
    if bias != "absorb" or not isinstance(layer, Affine) or not layer.picks:
        return None
    return lambda r, x, y: Hot(r.units, ratio(r.amount, r.of(y), epsilon)).through(layer, x).mul_(_shared(x, then))


def joined_contribution(
    layer: Affine, epsilon: float, rectified: bool, owned: bool, divided: bool, then: float | None
) -> Single:
    """`contribution`, of which other layers do a part: see `Rule.joined`."""
    pull = layer.pulling()
    if divided:
        return lambda r, x, y: times(_shared(x, then), pull(r, x), layer)
    return lambda r, x, y: times(_shared(x, then), pull(ratio(r, y, epsilon, rectified, owned), x), layer)


def _shared(x: Tensor, then: float | None) -> Tensor:
    """x / (x + ε) of an x ≥ 0, once for all targets; or x."""
    if then is None:
        return x
    s = x + number(then, x.dtype, x.device)
    return x / s if x.requires_grad else torch.div(x, s, out=s)


def _affine(layer: Affine, r: Tensor, x: Tensor, y: Tensor, epsilon: float, bias: Bias, rectified: bool) -> Tensor:
    b = None if bias == "absorb" else layer.bias(x)
    z = y - b if b is not None and bias == "ignore" else y
    s = ratio(r, z, epsilon, nonnegative=rectified and z is y)
    share = b * s if b is not None and bias == "distribute" else None
    return plus_bias_share(times(x, layer.transpose(s, x), layer), layer, share, x)


def _terms(layer: Additive, at: Site, r: Tensor, epsilon: float, bias: Bias) -> Relevances:
    terms = layer.terms(at.inputs)
    active = [i for i in range(len(terms)) if at.is_active(i)]
    y = at.outputs[0]
    z = y if bias == "absorb" else reduce(add, (terms[i] for i in active))
    s = ratio(r, z, epsilon) if bias == "ignore" else ratio(r, y, epsilon, nonnegative=at.rectified)  # (T, *y)
    shares = {i: terms[i] * s for i in active}
    if bias == "distribute":
        b = y - z
        # a mask of -inf takes all of it: b / (z + b) -> 1
        extra = torch.where(b.isinf(), r, b * s) / len(active)
        shares = {i: share + extra for i, share in shares.items()}
    return tuple(sum_to(shares[i], x.shape) if i in shares else None for i, x in enumerate(at.inputs))

