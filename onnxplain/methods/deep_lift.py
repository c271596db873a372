"""DeepLIFT."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from ..errors import RuleError
from ..graph.blocks import pair_activations
from ..graph.graph import Graph
from ..rules.composites import Composite, everywhere
from ..rules.deeplift import Rescale, SoftmaxVariant
from ..rules.reveal_cancel import RevealCancel
from .base import Chunk, Method, Step
from .context import Context, rows_of

RULES = ("rescale", "reveal_cancel")


def check_rule(method: Method, rule: str) -> None:
    if rule not in RULES:
        raise RuleError(f"{type(method).__name__} has no rule {rule!r}: it has {list(RULES)}")


def deep_lift_rules(rule: str, winner_takes_all: bool, softmax: SoftmaxVariant) -> Composite:
    rescale = Rescale(softmax, winner_takes_all)
    return everywhere(rescale if rule == "rescale" else RevealCancel(rescale))


def deep_lift_graph(rule: str, graph: Graph, keep: frozenset[str]) -> Graph:
    """Reveal-cancel looks at an activation and the layer before it as one node."""
    return pair_activations(graph, keep) if rule == "reveal_cancel" else graph


@dataclass(frozen=True, repr=False, eq=False)
class DeepLift(Method):
    """Contributions m ⊙ (x − x̄) with Σ = f(x) − f(x̄) on every supported graph (Shrikumar et al. 2017, eq. 1; the
    rules of each kind are in rules/deeplift.py). `rule`: "rescale", or "reveal_cancel" (section 3.5.2), which lets
    positive and negative contributions to an activation pass apart. `winner_takes_all`: a maximum gives its difference
    to one element, or shares it in proportion to all elements' differences. `softmax`: "decompose", exact and unchanged
    where a number is added to all its inputs; "by_parts", exact as exp, sum and division one after the other;
    "rescale", element by element."""

    name = "deeplift"
    promise = "exact"
    goal = "difference"
    layer_factor = "difference"
    of_data = frozenset(["baseline"])

    baseline: Any = 0.0
    rule: str = "rescale"
    winner_takes_all: bool = True
    softmax: SoftmaxVariant = "decompose"

    def validate(self) -> None:
        check_rule(self, self.rule)
        self.rules()

    def rules(self) -> Composite:
        return deep_lift_rules(self.rule, self.winner_takes_all, self.softmax)

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return graph if self.preset.rules else deep_lift_graph(self.rule, graph, keep)

    def prepare(self, context: Context) -> dict[str, Tensor]:
        return context.sources_of(context.baseline(self.baseline))

    def references(self, prepared: Any, samples: np.ndarray) -> Mapping[str, Tensor] | None:
        return rows_of(prepared, samples)

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        x0 = rows_of(prepared, chunk.samples)
        yield Step(x=None if chunk.clean else chunk.x, x0=x0, factor={v: x - x0[v] for v, x in chunk.x.items()})
