"""LRP rules for what transformers add: softmax and normalisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from ..layers.base import Layer
from ..layers.kinds import Normalization, SoftmaxKind
from .base import NOTHING, Relevances, Rule, Site, only, ratio, require


@dataclass(frozen=True)
class TaylorSoftmax(Rule):
    """R_x = x ⊙ (R − s·ΣR) over the softmax's own axis: x ⊙ Jᵀ(R / s). A masked entry, −∞, gets 0.

    Not conserving by design: the softmax of zeros is not zero, its share acts as a bias.
    AttnLRP (Achtibat et al. 2024), proposition 3.1. For log-softmax y, R / y stands in R's place.
    """

    kinds: ClassVar[tuple[type[Layer], ...]] = (SoftmaxKind,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x, y = at.layer, at.inputs[0], at.outputs[0]
        assert isinstance(layer, SoftmaxKind)
        r = ratio(only(relevance), y) if layer.log else only(relevance)
        unmasked = torch.nan_to_num(x, nan=torch.nan, posinf=0.0, neginf=0.0)
        return (torch.addcmul(r, layer.probabilities(y), layer.total(r), value=-1).mul_(unmasked),)


@dataclass(frozen=True)
class Constant(Rule):
    """R_x = 0: the layer's output is taken as a constant. On Softmax this is CP-LRP (Ali et al. 2022)."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Layer,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (None,) * len(at.inputs)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


@dataclass(frozen=True)
class FrozenStatistics(Rule):
    """R_x = x ⊙ J_vᵀ(R / st_ε(y)), J_v the Jacobian with the deviation v held constant: the ε-rule on what is left.

    The offset β absorbs its share. Ali et al. 2022, section 4.1; LXT's LayerNorm.
    """

    epsilon: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Normalization,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x = at.layer, at.inputs[0]
        assert isinstance(layer, Normalization)
        return (x * layer.frozen_transpose(ratio(only(relevance), at.outputs[0], self.epsilon), x),)
