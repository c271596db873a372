"""The gradient as a rule."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from ..layers.base import Layer
from ..layers.kinds import Routing
from .base import Relevances, Rule, Site


@dataclass(frozen=True)
class Adjoint(Rule):
    """R_x = Jᵀ R: the layer's own adjoint, on any kind. What walks back is a cotangent, the gradient at the end."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Layer,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return at.layer.adjoint(relevance, at.inputs, at.outputs)

    def direct(self, layer: Layer) -> Callable[..., Relevances]:
        return layer.adjoint

    def reads(self, layer: Layer) -> frozenset[str]:
        return layer.adjoint_reads

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return outputs and isinstance(layer, Routing)
