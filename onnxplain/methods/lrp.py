"""Layer-wise relevance propagation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..conventions import SeedOf
from ..errors import RuleError
from ..graph.graph import Graph
from ..rules.composites import Composite, composite_from
from .base import Chunk, Method, Seed, Step
from .conditions import condition_label, conditioned, mask_from
from .context import Context


@dataclass(frozen=True, repr=False, eq=False)
class LRP(Method):
    """Relevance shared out backwards, node by node, by the rules of a composite (Bach et al. 2015; Montavon et al. 2019).

    `composite`: a name ("epsilon_plus"), a composite, one rule for all linear layers, or a dict {kind, operator,
    family or name pattern: rule}; by default EpsilonPlus. `winner_takes_all`: max-pooling gives all to the winner, or
    shares by value. `seed`: what starts at the target unit: "output" (its value), a number, or an array
    (samples, targets). `conditions`: {internal value: channels}, as channel or unit numbers (axis 1) or a boolean mask
    along that axis or in the shape of one sample: relevance passes these values there only, and what it then is at the
    inputs is those channels' part (Achtibat et al. 2023, section 3). A list of such dicts: all of them in one walk, each
    target once per condition on the target axis, conditions varying fastest.
    """

    name = "lrp"
    promise = "conserving"
    goal = "value"
    of_data = frozenset(["seed"])

    composite: Any = None
    winner_takes_all: bool = True
    seed: Any = "output"
    conditions: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None

    def validate(self) -> None:
        self.walk_rules()
        for each in self._conditions():
            for value, condition in each.items():
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

    def _conditions(self) -> Sequence[Mapping[str, Any]]:
        given = self.conditions
        if given is None:
            return ()
        several = [given] if isinstance(given, Mapping) else given
        if not isinstance(several, (list, tuple)) or not several or not all(isinstance(c, Mapping) for c in several):
            raise RuleError(f"LRP's conditions are a dict {{internal value: channels}} or a list of such dicts, got {given!r}")
        return several

    def values(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(v for c in self._conditions() for v in c))

    def variants(self) -> tuple[str, ...]:
        return tuple(map(condition_label, self._conditions())) if isinstance(self.conditions, (list, tuple)) else ()

    def arrange(self, graph: Graph, keep: frozenset[str]) -> Graph:
        return conditioned(graph, self._conditions(), keep) if self.conditions else graph

    def seeding(self) -> Seed:
        n = len(self.variants())
        if n < 2 or isinstance(self.seed, (str, SeedOf)) or np.ndim(self.seed) != 2:
            return self.seed
        return np.repeat(np.asarray(self.seed), n, axis=1)

    def prepare(self, context: Context) -> None:
        shape = () if isinstance(self.seed, (str, SeedOf)) else np.shape(self.seed)
        if len(shape) > 2 or (shape and shape[0] not in (1, context.n)):
            raise RuleError(f"LRP's seed has shape {shape}: give (samples, targets), {context.n} samples here")

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x)
