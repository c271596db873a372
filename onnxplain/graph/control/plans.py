"""A body's plans, and the rule of a node that runs bodies: the rules of the nodes in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

from torch import Tensor

from ...layers.base import Layer
from ...layers.control import Control
from ...rules.base import INPUTS_AND_OUTPUTS, Relevances, Rule, Site
from ..graph import Graph
from ..plan import Backward, Forward, Trace
from ..visit import Observer


@dataclass(frozen=True, eq=False)
class Plan:
    """The forward pass through a body that keeps what the way back reads, and the way back to `sources`.

    `rules`: of all nodes in it, by name. `whole`: the forward pass keeps everything.
    """

    graph: Graph
    rules: Mapping[str, Rule]
    sources: frozenset[str]
    whole: bool = False

    @cached_property
    def active(self) -> frozenset[str]:
        return self.graph.active(self.sources)

    @cached_property
    def seeds(self) -> frozenset[str]:
        """The outputs that relevance can start from."""
        return frozenset(self.graph.outputs) & self.active

    @cached_property
    def backward(self) -> Backward:
        rules = dict(self.rules)
        for n in self.graph.nodes:
            if isinstance(n.layer, Control) and n.name in rules:  # less may be wanted of it than at other steps
                rules[n.name] = n.layer.ruled(self.rules, [v in self.active for v in n.inputs])
        seeds = [v for v in dict.fromkeys(self.graph.outputs) if v in self.seeds]
        return Backward(self.graph, seeds, [v for v in self.graph.inputs if v in self.sources], rules)

    @cached_property
    def forward(self) -> Forward:
        graph = self.graph
        return Forward(graph, graph.inputs, self.backward.seeds, None if self.whole else self.backward.keep)

    def walk(
        self,
        relevance: Iterable[Tensor | None],
        values: Sequence[Tensor],
        values0: Sequence[Tensor] | None,
        observe: Observer | None,
    ) -> dict[str, Tensor]:
        """Relevance at the body's outputs, one after the other → at its inputs, by name. `values`: at the inputs."""
        seeds: dict[str, Tensor] = {}
        for v, r in zip(self.graph.outputs, relevance, strict=True):
            if r is not None and v in self.seeds:
                seeds[v] = seeds[v] + r if v in seeds else r
        if not seeds:
            return {}
        trace0 = None if values0 is None else self.passed(values0)
        return self.backward.run(self.passed(values), seeds, trace0, None, observe)

    def passed(self, values: Sequence[Tensor]) -> Trace:
        """The forward pass from these values at the body's inputs."""
        return self.forward.run(dict(zip(self.graph.inputs, values, strict=True)))


@dataclass(frozen=True, eq=False)
class Stages:
    """A body's plan for each step: those from number `again` on repeat."""

    plans: tuple[Plan, ...]
    again: int

    def at(self, k: int) -> Plan:
        n = len(self.plans)
        return self.plans[k if k < n else self.again + (k - self.again) % (n - self.again)]


@dataclass(frozen=True, eq=False, repr=False)
class Parts(Rule):
    """The rules of the parts: what a node that runs graphs does with relevance is what the nodes in them do."""

    bodies: tuple[Stages, ...]
    observe: Observer | None = None
    kinds: ClassVar[tuple[type[Layer], ...]] = (Control,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert isinstance(at.layer, Runs)
        return at.layer.walk(self, at, relevance)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS

    def within(self, at: Site) -> Sequence[tuple[Trace, Backward]]:
        assert isinstance(at.layer, Runs)
        found = at.layer.first(at.inputs)
        if found is None:
            return ()
        plan, values = self.bodies[found[0]].plans[-1], found[1]
        return ((plan.passed(values), plan.backward),) if plan.sources else ()

    def watched(self, observe: Observer) -> Rule:
        whole = (replace(b, plans=tuple(replace(p, whole=True) for p in b.plans)) for b in self.bodies)
        return Parts(tuple(whole), observe)

    def __repr__(self) -> str:
        return "Parts()"


class Runs(Control):
    """A control layer that plans work on. A subclass gives `walk`: the way back through its bodies; and `first`: the
    number of the body that these inputs run first, and what it reads, or None."""

    def ruled(self, rules: Mapping[str, Rule], active: Sequence[bool]) -> Rule:
        given = self.given(active)
        stages = [(b.graph, *b.stages(given)) for b in self.bodies]
        return Parts(tuple(Stages(tuple(Plan(g, rules, s) for s in sources), again) for g, sources, again in stages))

    def walk(self, parts: Parts, at: Site, relevance: Relevances) -> Relevances:
        raise NotImplementedError(type(self).__name__)

    def first(self, inputs: Sequence[Tensor]) -> tuple[int, Sequence[Tensor]] | None:
        raise NotImplementedError(type(self).__name__)
