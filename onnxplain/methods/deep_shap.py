"""DeepSHAP: DeepLIFT averaged over a reference set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..graph.graph import Graph
from ..rules.composites import Composite
from ..rules.deeplift import SoftmaxVariant
from .base import Chunk, Method, Step, as_weights, positive
from .context import Context
from .deep_lift import check_rule, deep_lift_graph, deep_lift_rules

CHOICE = 3  # purpose number of the choice among references


@dataclass(frozen=True, repr=False, eq=False)
class DeepShap(Method):
    """Mean over baselines of DeepLIFT's contributions; Σ = f(x) − mean f(x̄) (Lundberg & Lee 2017, section 4.2).

    Of more than `limit_ref` references, that many are chosen at random (seeded), once for all samples. `rule`,
    `winner_takes_all`, `softmax`: as in `DeepLift`.
    """

    name = "deepshap"
    promise = "exact"
    goal = "difference"
    layer_factor = "difference"
    draws = True
    lifts = True
    of_data = frozenset(["data_ref"])

    data_ref: Any = None
    rule: str = "rescale"
    limit_ref: int = 100
    winner_takes_all: bool = True
    softmax: SoftmaxVariant = "decompose"

    def validate(self) -> None:
        check_rule(self, self.rule)
        self.rules()
        positive(self, limit_ref=self.limit_ref)

    def rules(self) -> Composite:
        return deep_lift_rules(self.rule, self.winner_takes_all, self.softmax)

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return graph if self.preset.rules else deep_lift_graph(self.rule, graph, keep)

    def prepare(self, context: Context) -> dict[str, Tensor]:
        refs = context.references(self.data_ref)
        rows = context.count(refs)
        if rows > self.limit_ref:
            chosen = np.sort(np.random.default_rng([context.seed, CHOICE]).choice(rows, self.limit_ref, replace=False))
            refs = context.take(refs, torch.from_numpy(chosen))
        return context.reference_rows(refs)

    def n_walks(self, prepared: Any) -> int:
        return next(iter(prepared.values())).shape[0]

    def references(self, prepared: Any, samples: np.ndarray) -> Mapping[str, Tensor] | None:
        return prepared

    def shared_references(self, prepared: Any) -> bool:
        return True

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        rows = self.n_walks(prepared)
        for part in chunk.parts(rows):
            which = slice(part.start, part.stop)
            x0 = {v: b[which] for v, b in prepared.items()}
            factor = {v: (x[None] - x0[v][:, None]).reshape(-1, *x.shape[1:]) for v, x in chunk.x.items()}
            weights = as_weights(np.full(len(part), 1 / rows), next(iter(x0.values())))
            x = None if chunk.clean else chunk.x
            yield Step(x=x, x0=x0, k=len(part), weights=weights, factor=factor, pairs=True, which=which)
