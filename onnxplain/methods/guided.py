"""Guided backpropagation and deconvnet: the gradient with other rules at rectifiers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..errors import RuleError
from ..graph.graph import Graph
from ..rules.composites import Composite
from ..rules.guided import RECTIFIERS, Guided, Rectified, at_rectifiers, is_rectifier
from .base import Chunk, LayerFactor, Method, Step


def with_rectifiers(method: Method, graph: Graph) -> Graph:
    if not any(is_rectifier(n) for n in graph.every_node()):
        raise RuleError(f"{method!r} changes the gradient at {', '.join(sorted(RECTIFIERS))}; the model has none of them: take Gradient()")
    return graph


@dataclass(frozen=True, repr=False, eq=False)
class GuidedBackprop(Method):
    """The gradient, with negative values set to 0 on the way back at every rectifier (Springenberg et al. 2015).

    Rectifiers are ReLU, clipped and leaky ReLU, ELU and its kin; with `times_input`, multiplied by x.
    """

    name = "guided_backprop"

    times_input: bool = False

    @property
    def layer_factor(self) -> LayerFactor:  # type: ignore[override]
        return "value" if self.times_input else "none"

    def rules(self) -> Composite:
        return at_rectifiers(Guided())

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return with_rectifiers(self, graph)

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x, factor=chunk.x if self.times_input else None)


@dataclass(frozen=True, repr=False, eq=False)
class Deconvnet(Method):
    """The gradient, with rectifiers applied to what comes back in place of their derivatives (Zeiler & Fergus 2014).

    Rectifiers as for `GuidedBackprop`; with `times_input`, multiplied by x.
    """

    name = "deconvnet"

    times_input: bool = False

    @property
    def layer_factor(self) -> LayerFactor:  # type: ignore[override]
        return "value" if self.times_input else "none"

    def rules(self) -> Composite:
        return at_rectifiers(Rectified())

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return with_rectifiers(self, graph)

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x, factor=chunk.x if self.times_input else None)
