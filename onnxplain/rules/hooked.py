"""What captum and shap compute by backward hooks, literally: ε on layers that only move values, and DeepLIFT's modules
by bare quotients, with a gradient for whatever is not on their lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Elementwise, Pooling, Routing, SoftmaxKind
from ..layers.shapes import sum_to
from .base import INPUTS_AND_OUTPUTS, Relevances, Rule, Site, only, ratio, require, require_one_of
from .innsight import one_value

if TYPE_CHECKING:
    from ..graph.graph import Node
    from .matching import Walk

Half = Literal["input", "baseline"]
Fallback = Literal["gradient", "first sample's gradient", "zero"]


@dataclass(frozen=True)
class EpsilonOnMoves(Rule):
    """R·y / st_ε(y), moved with the values: an ε-rule on Flatten and its like (captum)."""

    epsilon: float = 1e-9
    kinds: ClassVar[tuple[type[Layer], ...]] = (Routing,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        y = at.outputs[0]
        return at.layer.adjoint((ratio(only(relevance) * y, y, self.epsilon),), at.inputs, at.outputs)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS


@dataclass(frozen=True)
class GradientAt(Rule):
    """m_x = Jᵀ m_y with J at the input, or at the baseline: what is no DeepLIFT rule of theirs stays a gradient."""

    at: Half = "input"
    kinds: ClassVar[tuple[type[Layer], ...]] = (Layer,)

    def __post_init__(self) -> None:
        require_one_of(self, "at", self.at, get_args(Half))

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        if self.at == "input":
            return at.layer.adjoint(relevance, at.inputs, at.outputs)
        assert at.inputs0 is not None and at.outputs0 is not None
        return at.layer.adjoint(relevance, at.inputs0, at.outputs0)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS


@dataclass(frozen=True)
class Secant(Rule):
    """m_x = m_y·Δy/Δx element by element, the gradient of one half where |Δx| < `threshold`.

    `centred`: of a softmax the mean over batch and classes is taken off, so that it depends on who else is in the batch
    (captum 0.9.0).
    """

    threshold: float = 1e-10
    at: Half = "input"
    centred: bool = False
    kinds: ClassVar[tuple[type[Layer], ...]] = (Elementwise, SoftmaxKind)

    def __post_init__(self) -> None:
        require(self, threshold=self.threshold)
        require_one_of(self, "at", self.at, get_args(Half))

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert at.inputs0 is not None and at.outputs0 is not None
        x, r = at.inputs[0], only(relevance)
        dx, dy = x - at.inputs0[0], at.outputs[0] - at.outputs0[0]
        tiny = dx.abs() < self.threshold
        (gradient,) = GradientAt(self.at)(at, relevance)
        assert gradient is not None
        m = torch.where(tiny, gradient, sum_to(r * (dy / torch.where(tiny, 1.0, dx)), x.shape))
        if self.centred:
            m = m - m.flatten(1).mean(1).reshape(-1, *(1,) * x.dim())
        return (m,)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS


@dataclass(frozen=True)
class Unpooled(Rule):
    """m_x = unpool(m_y·Δy) / Δx with the cross-maximum's two differences, each put where its own half has its maximum.

    Where windows overlap, the last of them overwrites the others. `fallback` where |Δx| < `threshold`: the gradient of
    the first sample in the batch for all of them (captum 0.9.0), or zero (shap). `lost_behind`: behind one of these
    operators the rule comes to nothing, it is the gradient that their own hook has seen (captum 0.9.0).
    """

    threshold: float = 1e-10
    fallback: Fallback = "zero"
    lost_behind: tuple[str, ...] = ()
    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __post_init__(self) -> None:
        require(self, threshold=self.threshold)
        require_one_of(self, "fallback", self.fallback, get_args(Fallback))

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x, r = at.layer, one_value(self, at), only(relevance)
        assert isinstance(layer, Pooling) and at.inputs0 is not None and at.outputs0 is not None
        y, y0 = at.outputs[0], at.outputs0[0]
        larger = torch.maximum(y, y0)
        up = _overwritten(r * (larger - y0), layer.winners(at.inputs), x)
        down = _overwritten(r * (y - larger), layer.winners(at.inputs0), x)
        dx = x - at.inputs0[0]
        tiny = dx.abs() < self.threshold
        other = torch.zeros_like(up)
        if self.fallback != "zero":
            (gradient,) = layer.adjoint((r,), at.inputs, at.outputs)
            assert gradient is not None
            other = gradient if self.fallback == "gradient" else gradient[:, :1].expand_as(gradient)
        return (torch.where(tiny, other, (up + down) / torch.where(tiny, 1.0, dx)),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS

    def placed(self, walk: Walk, node: Node) -> Rule:
        maker = walk.graph.producer.get(node.inputs[0])
        return GradientAt() if maker is not None and maker.op in self.lost_behind else self


def _overwritten(r: Tensor, index: Tensor, x: Tensor) -> Tensor:
    """r (T, N, C, …) at its places in the planes of x; of several at one place the last remains."""
    flat, places = r.flatten(3), index.flatten(2).expand(r.shape[0], *index.flatten(2).shape)
    planes = r.new_zeros((*r.shape[:3], x[0, 0].numel()))
    # one window after the other: what scatter does with places that occur twice is not laid down
    for k in range(flat.shape[-1]):
        at = slice(k, k + 1)
        planes = planes.scatter(3, places[..., at], flat[..., at])
    return planes.reshape(r.shape[0], *x.shape)
