"""The gradient as a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..layers.base import Layer
from .base import Relevances, Rule, Site


@dataclass(frozen=True)
class Adjoint(Rule):
    """R_x = Jᵀ R: the layer's own adjoint, on any kind. What walks back is a cotangent, the gradient at the end."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Layer,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return at.layer.adjoint(relevance, at.inputs, at.outputs)

    def reads(self, layer: Layer) -> frozenset[str]:
        return layer.adjoint_reads
