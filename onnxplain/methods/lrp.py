"""Layer-wise relevance propagation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..conventions import SeedOf
from ..errors import RuleError
from ..graph.graph import Graph
from ..rules.composites import Composite, composite_from
from .base import Chunk, Method, Seed, Step
from .conditions import conditioned, mask_from
from .context import Context


@dataclass(frozen=True, repr=False, eq=False)
class LRP(Method):
    """Relevance shared out backwards, node by node, by the rules of a composite (Bach et al. 2015; Montavon et al. 2019).

    `composite`: a name ("epsilon_plus"), a composite, one rule for all linear layers, or a dict {kind, operator,
    family or name pattern: rule}; by default EpsilonPlus. `winner_takes_all`: max-pooling gives all to the winner, or
    shares by value. `seed`: what starts at the target unit: "output" (its value), a number, or an array
    (samples, targets). `conditions`: {internal value: channels}, as channel or unit numbers (axis 1) or a boolean mask
    along that axis or in the shape of one sample: relevance passes these values there only, and what it then is at the
    inputs is those channels' part (Achtibat et al. 2023, section 3).
    """

    name = "lrp"
    promise = "conserving"
    goal = "value"

    composite: Any = None
    winner_takes_all: bool = True
    seed: Any = "output"
    conditions: Mapping[str, Any] | None = None

    def validate(self) -> None:
        self.walk_rules()
        for value, condition in self._conditions().items():
            mask_from(value, condition)
        if isinstance(self.seed, str) and self.seed not in ("output", "one"):
            raise RuleError(f"LRP has no seed {self.seed!r}: give 'output', 'one', a number, or an array (samples, targets)")
        if not isinstance(self.seed, (str, SeedOf)):
            try:
                finite = bool(np.isfinite(np.asarray(self.seed, dtype=float)).all())
            except (TypeError, ValueError) as error:
                raise RuleError(f"LRP's seed {self.seed!r} is no number and no array of numbers") from error
            if not finite:
                raise RuleError("LRP's seed holds NaN or infinity")

    def _composite(self) -> Composite:
        spec = "epsilon_plus" if self.composite is None else self.composite
        return composite_from(spec, winner_takes_all=self.winner_takes_all)

    def rules(self) -> Composite:
        return self._composite()

    def _conditions(self) -> Mapping[str, Any]:
        if self.conditions is not None and not isinstance(self.conditions, Mapping):
            raise RuleError(f"LRP's conditions are a dict {{internal value: channels}}, got {self.conditions!r}")
        return self.conditions or {}

    def values(self) -> tuple[str, ...]:
        return tuple(self._conditions())

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return conditioned(graph, self._conditions(), keep) if self.conditions else graph

    def seeding(self) -> Seed:
        return self.seed

    def prepare(self, context: Context) -> None:
        shape = () if isinstance(self.seed, (str, SeedOf)) else np.shape(self.seed)
        if len(shape) > 2 or (shape and shape[0] not in (1, context.n)):
            raise RuleError(f"LRP's seed has shape {shape}: give (samples, targets), {context.n} samples here")

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x)
