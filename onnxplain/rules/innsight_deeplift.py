"""innsight's DeepLIFT, literally: rescale by a bare quotient, reveal-cancel on a linear layer with its own activation.

A linear layer (dense or convolution) and the activation behind it are one layer there; an activation anywhere else
is rescaled without a fallback near Δx = 0.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Affine, Elementwise, Pooling, SoftmaxKind
from ..layers.shapes import sum_to
from .base import INPUTS_AND_OUTPUTS, Relevances, Rule, Site, only, require_one_of
from .gradient import Adjoint
from .innsight import Float32Mean, WindowMean, one_value, stabilizer
from .lrp import Pass

if TYPE_CHECKING:
    from ..graph.graph import Node
    from .matching import Walk

NearZero = Literal["gradient", "zero"]
WEIGHTED = ("convolution", "dense")
ACTIVATIONS: tuple[type[Layer], ...] = (Elementwise, SoftmaxKind)


def fused(walk: Walk, node: Node) -> Layer | None:
    """The activation that is one layer with this linear node: its only reader on the walk, right behind it."""
    if not isinstance(node.layer, Affine) or node.layer.family not in WEIGHTED:
        return None
    readers = walk.graph.consumers[node.outputs[0]]
    alone = len(readers) == 1 and node.outputs[0] not in walk.graph.outputs
    if not alone or readers[0].name not in {n.name for n in walk.nodes}:
        return None
    return readers[0].layer if isinstance(readers[0].layer, ACTIVATIONS) else None


def is_fused(walk: Walk, node: Node) -> bool:
    """Whether this activation is one layer with the linear node before it."""
    maker = walk.graph.producer.get(node.inputs[0])
    return maker is not None and fused(walk, maker) is node.layer


def over(d: Tensor, sign: int = 1) -> Tensor:
    """Δ, or ±s where Δ = 0."""
    return d + sign * stabilizer(d) * (d == 0).to(d.dtype)


@dataclass(frozen=True)
class LiteralRescale(Rule):
    """m_x = m_y·Δy/Δx; near |Δx| ≤ s the derivative at the midpoint for an activation that is one layer with a linear
    one, else 0. A softmax counts as elementwise, with derivative 0. `deferred`: under reveal-cancel a fused activation
    leaves everything to the linear layer."""

    near_zero: NearZero = "zero"
    deferred: bool = False
    kinds: ClassVar[tuple[type[Layer], ...]] = ACTIVATIONS

    def __post_init__(self) -> None:
        require_one_of(self, "near_zero", self.near_zero, get_args(NearZero))

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert at.inputs0 is not None and at.outputs0 is not None
        layer, x, dy = at.layer, at.inputs[0], at.outputs[0] - at.outputs0[0]
        dx = x - at.inputs0[0]
        m = dy / over(dx)
        if self.near_zero == "gradient":
            middle = (x + at.inputs0[0]) / 2
            slope: Tensor | float = 0.0
            if isinstance(layer, Elementwise):
                slope = layer.derivative(middle, layer.forward(middle))
            m = torch.where(dx.abs() <= stabilizer(dx), slope, m)
        return (sum_to(only(relevance) * m, x.shape),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS

    def placed(self, walk: Walk, node: Node) -> Rule:
        if not is_fused(walk, node):
            return self
        return Pass() if self.deferred else replace(self, near_zero="gradient")


@dataclass(frozen=True, eq=False)
class LiteralRevealCancel(Rule):
    """On a linear layer with its activation a: m⁺ = m·Δy⁺/Δ⁺ for positive contributions, m⁻ = m·Δy⁻/Δ⁻ for negative.

    Δ⁺ = J⁺δx⁺ + J⁻δx⁻, Δ⁻ = J⁺δx⁻ + J⁻δx⁺; Δy⁺ = ½[a(z̄ + Δ⁺) − a(z̄)] + ½[a(z) − a(z̄ + Δ⁻)]. Where Δ± = 0 it divides
    by the stabiliser, which explodes where rounding left Δy± ≠ 0. Shrikumar et al. 2017, section 3.5.2.
    """

    activation: Layer | None = None
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, a, m = at.layer, self.activation, only(relevance)
        assert isinstance(layer, Affine) and at.inputs0 is not None and at.outputs0 is not None
        if a is None:
            return Adjoint()(at, relevance)
        x, z, z0 = at.inputs[0], at.outputs[0], at.outputs0[0]
        dx = x - at.inputs0[0]
        more, less = dx.clamp(min=0), dx.clamp(max=0)
        plus = layer.linear(more, "positive") + layer.linear(less, "negative")
        minus = layer.linear(less, "positive") + layer.linear(more, "negative")
        y, y0, high, low = a(z), a(z0), a(z0 + plus), a(z0 + minus)
        up = m * ((high - y0 + (y - low)) / 2 / over(plus))
        down = m * ((low - y0 + (y - high)) / 2 / over(minus, -1))
        pos, neg = (dx > 0).to(dx.dtype), (dx < 0).to(dx.dtype)
        pulled = pos * (layer.transpose(up, x, "positive") + layer.transpose(down, x, "negative"))
        pulled = pulled + neg * (layer.transpose(up, x, "negative") + layer.transpose(down, x, "positive"))
        return (pulled + (1 - pos - neg) * layer.transpose((up + down) / 2, x),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS

    def placed(self, walk: Walk, node: Node) -> Rule:
        activation = fused(walk, node)
        return Adjoint() if activation is None else replace(self, activation=activation)


@dataclass(frozen=True)
class MeanRescale(Rule):
    """m_x = Aᵀ(m·Δy / AΔx) with A the mean over each window of a maximum: exact unless AΔx is 0."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        x = one_value(self, at)
        assert isinstance(at.layer, Pooling) and at.inputs0 is not None and at.outputs0 is not None
        mean = WindowMean(at.layer, x)
        slope = (at.outputs[0] - at.outputs0[0]) / over(mean.linear(x - at.inputs0[0]))
        return Float32Mean(Adjoint())(Site(mean, [x], [mean.linear(x)]), (only(relevance) * slope,))

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS
