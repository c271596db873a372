"""If: one of two graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from torch import Tensor

from ...errors import RuleError
from ...layers.control import Body, Control
from ...rules.base import Relevances, Site
from ..graph import Graph
from ..plan import Forward, getter
from .deciding import needed_by
from .plans import Parts, Runs

BRANCHES = ("then", "else")


class If(Runs):
    """What the one of two graphs makes that the condition, the first input, picks; further inputs are what they read.

    The condition is one number: it holds for the whole batch.
    """

    def __init__(self, then: Body, otherwise: Body, constants: Sequence[Tensor | None], dynamic: Sequence[bool]) -> None:
        super().__init__((then, otherwise), len(then.graph.outputs), constants, dynamic)
        self.plain = [Forward(b.graph, b.graph.inputs, b.graph.outputs, ()) for b in self.bodies]
        self.made = [getter(b.graph.outputs, p.index) for b, p in zip(self.bodies, self.plain, strict=True)]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        k, read = self.first(inputs)
        return tuple(self.made[k](self.plain[k].run(dict(zip(self.plain[k].feeds, read, strict=True))).slots))

    def first(self, inputs: Sequence[Tensor]) -> tuple[int, list[Tensor]]:
        """Which graph runs, and what it reads."""
        args = self.full(inputs)
        k = 0 if bool(args[0].reshape(-1)[0]) else 1
        return k, [args[i] for i in self.bodies[k].reads if i is not None]

    def walk(self, parts: Parts, at: Site, relevance: Relevances) -> Relevances:
        k, read = self.first(at.inputs)
        k0, read0 = (k, None) if at.inputs0 is None else self.first(at.inputs0)
        if k0 != k:
            raise RuleError(
                f"the samples take its branch {BRANCHES[k]!r}, the baseline takes {BRANCHES[k0]!r}: no difference between "
                "two graphs can be shared out; choose a baseline that takes the same branch, or IntegratedGradients or LRP"
            )
        found = parts.bodies[k].at(0).walk(relevance, read, read0, parts.observe)
        reads = self.bodies[k].reads
        by_input = {i: found.get(v) for i, v in zip(reads, self.bodies[k].graph.inputs, strict=True)}
        return tuple(by_input.get(i) for i in self.slots)

    def with_graphs(self, change: Callable[[Graph], Graph]) -> Control:
        then, otherwise = (replace(b, graph=change(b.graph)) for b in self.bodies)
        return If(then, otherwise, self.constants(), [i in self.slots for i in range(self.n_slots)])

    def deciders(self) -> frozenset[int]:
        return frozenset({0}).union(*(needed_by(b) for b in self.bodies))
