"""LXT's stabiliser: ε without the sign of z."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Normalization, Product
from .base import INPUTS_AND_OUTPUTS, Relevances, Rule, Site, require
from .matching import gate_of
from .products import Signal

if TYPE_CHECKING:
    from ..graph.graph import Node
    from .matching import Walk


@dataclass(frozen=True)
class Unsigned(Rule):
    """Another rule, made with ε = 0, on y + ε in place of y: R / (y + ε), which is infinite at y = −ε.

    On an average ε is added to the sum that is averaged. Achtibat et al. 2024 (LXT's explicit functions).
    """

    rule: Rule
    epsilon: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine, Additive, Product, Normalization)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, epsilon = at.layer, self.epsilon
        y = at.outputs[0]
        if isinstance(layer, Affine) and layer.family == "average":
            ones = at.inputs[0].new_ones(()).expand(at.inputs[0].shape)
            y = y + epsilon * layer.linear(ones) / layer.linear(ones, "ones")
        else:
            y = y + epsilon
        return self.rule(replace(at, outputs=[y, *at.outputs[1:]]), relevance)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS

    def covers(self, layer: Layer) -> bool:
        return self.rule.covers(layer)

    def placed(self, walk: Walk, node: Node) -> Rule:
        if isinstance(self.rule, Signal) and self.rule.gate is None:
            return replace(self, rule=replace(self.rule, gate=gate_of(walk.graph, node)))
        return self
