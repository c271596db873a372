"""Gradients that only let positive signals back through rectifiers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from ..layers.base import Layer
from ..layers.kinds import Elementwise
from ..layers.shapes import sum_to
from .base import NOTHING, Relevances, Rule, Site, only
from .composites import Composite
from .gradient import Adjoint

if TYPE_CHECKING:
    from ..graph.graph import Node

#: operators that let positive values through and hold negative ones back
RECTIFIERS = frozenset(["Celu", "Clip", "Elu", "LeakyRelu", "PRelu", "Relu", "Selu", "ThresholdedRelu"])


@dataclass(frozen=True)
class Guided(Rule):
    """R_x = f′(x) ⊙ R⁺: what is positive both on the way there and on the way back. Springenberg et al. 2015, figure 1."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Elementwise,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return at.layer.adjoint((only(relevance).clamp(min=0),), at.inputs, at.outputs)

    def reads(self, layer: Layer) -> frozenset[str]:
        return layer.adjoint_reads


@dataclass(frozen=True)
class Rectified(Rule):
    """R_x = R⁺, whatever x was. Zeiler & Fergus 2014, section 2.1."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Elementwise,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return (sum_to(only(relevance).clamp(min=0), at.inputs[0].shape),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


def is_rectifier(node: Node) -> bool:
    return isinstance(node.layer, Elementwise) and (node.op in RECTIFIERS or node.layer.rectifying)


def at_rectifiers(rule: Rule) -> Composite:
    """This rule at ReLU and its kin, the gradient everywhere else."""
    return Composite(((is_rectifier, rule), (Layer, Adjoint())), written=f"{rule!r} at rectifiers")
