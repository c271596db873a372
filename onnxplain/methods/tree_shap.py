"""TreeSHAP, path dependent: how the values of trees are shared out by what came through their nodes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import RuleError
from ..graph.graph import Graph
from ..graph.trees import ensembles, refuse_beside, visits
from ..rules.composites import Composite
from ..rules.gradient import Adjoint
from ..rules.trees import BeforeTrees, OneByOne, PathDependent
from .base import Chunk, Method, Step
from .context import Context


@dataclass(frozen=True, repr=False, eq=False)
class TreeShap(Method):
    """Shapley values of a game in which a feature that is left out goes both ways at its nodes, in proportion to the rows
    that came through there in `data_ref`, or by the counts in the model's file where it has them
    (Lundberg et al. 2020, algorithm 2). They sum to f(x) − the mean of f over those ways.

    For scores that are sums of trees; before the trees each feature may be scaled, moved and encoded on its own. Against
    single references, and through anything that follows, trees are explained by DeepShap.
    """

    name = "treeshap"

    data_ref: Any = None
    counts: Mapping[str, Tensor] = field(default_factory=dict, repr=False)

    def fitted(self, context: Context) -> TreeShap:
        trees = ensembles(context.graph)
        if not trees:
            raise RuleError(
                f"{self!r} explains tree ensembles, of which this model has none: use DeepShap or KernelShap"
            )
        if self.counts:
            if unknown := trees.keys() - self.counts.keys():
                raise RuleError(f"{self!r}: counts are given for {list(self.counts)}, but not for {sorted(unknown)}")
            return self
        if self.data_ref is not None:
            refs = context.references(self.data_ref)
            with torch.inference_mode():
                return replace(
                    self, counts=visits(context.graph, {n: context.specs[n].native(x) for n, x in refs.items()})
                )
        found = {name: c for name, (layer, _) in trees.items() if (c := layer.covers()) is not None}
        if lacking := [name for name in trees if name not in found]:
            raise RuleError(
                f"{self!r}: the file does not say how many rows came through the nodes of {lacking}: give data_ref=, the "
                "data that the trees were trained on"
            )
        return replace(self, counts=found)

    def rules(self) -> Composite:
        before = BeforeTrees()
        return Composite(
            (
                ("Trees", PathDependent(self.counts)),
                ("Routing", Adjoint()),
                ((before, "Affine"), OneByOne()),
                ((before, "Additive"), OneByOne()),
                ((before, "Elementwise"), OneByOne()),
                ("Affine", Adjoint()),
                ("Additive", Adjoint()),
            ),
            written="path-dependent TreeSHAP",
        )

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        refuse_beside(graph, repr(self))
        return graph

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x)
