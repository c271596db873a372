"""Connection weights as a rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Elementwise, Pooling, Routing
from .base import NOTHING, Relevances, Rule, Site, only
from .lrp import pass_to
from .pooling import evenly


@dataclass(frozen=True)
class ConnectionWeights(Rule):
    """R_x = Jᵀ R without activations and biases: products of weights, summed over all paths.

    Elementwise functions are left out, pooling shares evenly over the window, skip connections count fully. What is
    not made of constant weights (Product, Softmax, Normalization) has none. Olden et al. 2004.
    """

    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Additive, Routing, Elementwise, Pooling)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer = at.layer
        if isinstance(layer, Elementwise):
            return (pass_to(only(relevance) * layer.gain(at.inputs[0]), at.inputs[0]),)
        if isinstance(layer, Pooling):
            return evenly(layer, at, only(relevance))
        return layer.adjoint(relevance, at.inputs, at.outputs)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING if isinstance(layer, (Elementwise, Pooling)) else layer.adjoint_reads
