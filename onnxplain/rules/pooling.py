"""Rules for Pooling: who gets the relevance of a maximum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Pooling
from .base import INPUTS, INPUTS_AND_OUTPUTS, NOTHING, Relevances, Rule, Sends, Site, only, ratio, require
from .gradient import adjoint_sends


@dataclass(frozen=True)
class WinnerTakesAll(Rule):
    """R goes to the largest element, first of ties. With ε it gets R·y / st_ε(y), which loses all of R where y = 0
    (captum)."""

    epsilon: float = 0.0
    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        if not self.epsilon:
            return at.layer.adjoint(relevance, at.inputs, at.outputs)
        y = at.outputs[0]
        kept = ratio(only(relevance) * y, y, self.epsilon)
        return at.layer.adjoint((kept, *relevance[1:]), at.inputs, at.outputs)

    def transposes(self) -> bool:
        return not self.epsilon

    def sends(self, layer: Layer) -> Sends:
        return adjoint_sends(layer)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS if self.epsilon else layer.adjoint_reads

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return outputs


@dataclass(frozen=True)
class ShareByValue(Rule):
    """R_x = x ⊙ Sᵀ(R / st(Sx)), S the sum over each output's candidates: everyone shares in proportion to its value."""

    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer = at.layer
        assert isinstance(layer, Pooling)
        s = ratio(only(relevance), layer.window_sum(at.inputs), self.stabilizer)
        pulled = layer.window_transpose(s, at.inputs)
        return tuple(None if q is None else q * x for q, x in zip(pulled, at.inputs, strict=True))

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return True


@dataclass(frozen=True)
class ShareEvenly(Rule):
    """R_x = Sᵀ(R / n), n the number of each output's candidates that vary: everyone gets the same."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Pooling,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert isinstance(at.layer, Pooling)
        return evenly(at.layer, at, only(relevance))

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


def evenly(layer: Pooling, at: Site, r: Tensor) -> Relevances:
    """r spread evenly over each output's candidates; a constant candidate counts for nothing."""
    def filled(value: float) -> list[Tensor]:
        return [x.new_full(x.shape, value) if x.is_floating_point() else x for x in at.inputs]

    n = layer.window_sum(filled(1.0))
    n = n - layer.window_sum(filled(0.0)) if layer.constant_slots else n
    return layer.window_transpose(ratio(r, n), at.inputs)
