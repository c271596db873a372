"""innsight's rules, literally, for comparing with it: LRP, and what it does at sums, pools and margins everywhere.

Its stabiliser s is 1e-6 in float32 and 1e-15 in float64, added with the sign of z, once where z = 0. Where these rules
are worse than ours (relevance cropped at copied margins, uniform averages, tied maxima counted several times) that is
what innsight 0.3.2 computes. Koenen & Wright 2024, and the package's source.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Affine, Part, Pooling, Routing, part_of
from .base import INPUTS, INPUTS_AND_OUTPUTS, NOTHING, Relevances, Rule, Site, only, require

STABILIZERS = {torch.float32: 1e-6, torch.float64: 1e-15}


def stabilizer(z: Tensor) -> float:
    return STABILIZERS.get(z.dtype, 1e-6)


def divisor(z: Tensor, epsilon: float | None = None) -> Tensor:
    """z + ε·sgn(z), and s where z = 0; ε = s unless given."""
    s = stabilizer(z)
    return torch.where(z == 0, s, z + (s if epsilon is None else epsilon) * z.sign())


@dataclass(frozen=True)
class LiteralEpsilon(Rule):
    """R_x = x ⊙ Jᵀ(R / d(y)), d(y) = y + ε·sgn(y), s where y = 0. Without ε its "simple" rule, ε = s."""

    epsilon: float | None = None
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon or 0.0)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x = at.layer, at.inputs[0]
        assert isinstance(layer, Affine)
        return (x * layer.transpose(only(relevance) / divisor(at.outputs[0], self.epsilon), x),)


@dataclass(frozen=True)
class LiteralAlphaBeta(Rule):
    """R_x = α·(positive contributions' shares) + (1 − α)·(negative ones'): our AlphaBeta(α, β) with β = α − 1.

    z⁺ and z⁻ with b⁺ and b⁻, each computed on its own. `epsilon`: as in `LiteralEpsilon` (0: no stabiliser but at 0).
    """

    alpha: float = 0.5
    epsilon: float | None = None
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, r = at.layer, only(relevance)
        assert isinstance(layer, Affine)
        x = at.inputs[0]
        up, down, b = x.clamp(min=0), x.clamp(max=0), layer.bias(x)
        positive = layer.linear(up, "positive") + layer.linear(down, "negative")
        negative = layer.linear(down, "positive") + layer.linear(up, "negative")
        if b is not None:
            positive, negative = positive + b.clamp(min=0), negative + b.clamp(max=0)
        u = r / divisor(positive, self.epsilon)
        pulled = self.alpha * (up * layer.transpose(u, x, "positive") + down * layer.transpose(u, x, "negative"))
        if self.alpha == 1:
            return (pulled,)
        v = r / divisor(negative, self.epsilon)
        crossed = down * layer.transpose(v, x, "positive") + up * layer.transpose(v, x, "negative")
        return (pulled + (1 - self.alpha) * crossed,)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS


class WindowMean(Affine):
    """The mean over a Pooling layer's windows, as an affine layer of its only value."""

    family = "average"

    def __init__(self, pooling: Pooling, like: Tensor) -> None:
        super().__init__()
        self.pooling = pooling
        self.share = 1 / pooling.window_sum([torch.ones_like(like)])

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return self.pooling.window_sum([x.contiguous()]) * part_of(self.share, part)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        pulled = self.pooling.window_transpose(r * part_of(self.share, part), [like])[0]
        assert pulled is not None
        return pulled


@dataclass(frozen=True)
class AsAverage(Rule):
    """A maximum under the rule of the mean over the same windows: `winner_takes_all=FALSE`."""

    rule: Rule
    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert isinstance(at.layer, Pooling)
        x = one_value(self, at)
        mean = WindowMean(at.layer, x)
        return Float32Mean(self.rule)(Site(mean, [x], [mean.linear(x)]), (only(relevance),))

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS


@dataclass(frozen=True)
class Float32Mean(Rule):
    """Another rule on an average whose adjoint has its weight 1/n rounded to float32, in every precision.

    Off by up to 3e-8 where n is no power of two; forward values are not affected.
    """

    rule: Rule
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x = at.layer, at.inputs[0]
        assert isinstance(layer, Affine)
        n = layer.linear(x.new_ones(()).expand(x.shape), "ones")
        return self.rule(at, (only(relevance) * ((1 / n).float().to(n.dtype) * n),))

    def reads(self, layer: Layer) -> frozenset[str]:
        return self.rule.reads(layer)


@dataclass(frozen=True)
class EveryWinner(Rule):
    """R_x = R where x is its window's maximum: each of tied elements gets all of R. Windows must not overlap."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x = at.layer, one_value(self, at)
        assert isinstance(layer, Pooling)
        largest, r = (
            layer.window_transpose(at.outputs[0][None], [x])[0],
            layer.window_transpose(only(relevance), [x])[0],
        )
        assert largest is not None and r is not None
        return (r * (x == largest[0]).to(r.dtype),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS


@dataclass(frozen=True)
class FirstOfWindow(Rule):
    """R goes to each window's first element, the maximum of a constant: connection weights at max-pooling."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x = at.layer, one_value(self, at)
        assert isinstance(layer, Pooling)
        ones = [torch.ones_like(x)]
        return layer.place(only(relevance), layer.winners(ones), ones)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


@runtime_checkable
class Margined(Protocol):
    """A layer that puts margins around its value: (before, after) for each axis, from its full argument list."""

    def margins(self, args: Sequence[Any]) -> list[tuple[int, int]]: ...

    def full(self, inputs: Sequence[Tensor]) -> list[Any]: ...


@dataclass(frozen=True)
class Crop(Rule):
    """R of the middle: what lies on the margins is lost, copies of the value (reflected, repeated) too."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Routing,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert isinstance(at.layer, Margined)
        margins = at.layer.margins(at.layer.full(at.inputs))
        cut = [-m for pair in reversed(margins) for m in pair]
        return (pad(only(relevance), cut), *(None,) * (len(at.inputs) - 1))

    def reads(self, layer: Layer) -> frozenset[str]:
        return layer.adjoint_reads

    def covers(self, layer: Layer) -> bool:
        return isinstance(layer, Routing) and isinstance(layer, Margined)


def one_value(rule: Rule, at: Site) -> Tensor:
    """The only value of a Pooling; its constant inputs may be anything."""
    if len(at.inputs) != 1:
        raise RuleError(f"{type(rule).__name__} is for the maximum of one value, this node reads {len(at.inputs)}")
    return at.inputs[0]
