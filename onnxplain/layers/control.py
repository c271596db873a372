"""Control: layers that run graphs of layers, once (a branch) or step after step (a loop)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from .base import Bound
from .kinds import Integer

if TYPE_CHECKING:
    from ..graph.graph import Graph
    from ..rules.base import Rule


@dataclass(frozen=True, eq=False)
class Body:
    """A graph that a layer runs, and how its ends are joined to the layer's.

    `reads[k]`: which of the layer's ONNX inputs enters at the graph's input k (None: a number that the layer makes).
    `gives[j]`: which of the layer's outputs the graph's output j goes to (None: none). `back`: (output j, input k),
    what one step makes and the next one reads. `outside`: so many of the graph's last inputs are values from outside, as
    they are there.
    """

    graph: Graph
    reads: tuple[int | None, ...]
    gives: tuple[int | None, ...]
    back: tuple[tuple[int, int], ...] = ()
    outside: int = 0

    def sources(self, given: Collection[int]) -> tuple[str, ...]:
        """The graph's inputs through which relevance leaves at some step, if it is wanted at these of the layer's."""
        found = frozenset[str]().union(*self.stages(given)[0])
        return tuple(v for v in self.graph.inputs if v in found)

    def stages(self, given: Collection[int]) -> tuple[list[frozenset[str]], int]:
        """(the graph's inputs through which relevance leaves, step by step; the step they are like from then on, again and
        again). What is carried into the first step may come from a constant, what is carried into the next not."""
        g = self.graph
        carried = {g.inputs[k] for _, k in self.back}
        wanted = {v for v, i in zip(g.inputs, self.reads, strict=True) if i in given and v in g.floating}
        found: list[frozenset[str]] = []
        now = frozenset(wanted)
        while now not in found:
            found.append(now)
            active = g.active(now)
            on = {g.inputs[k] for j, k in self.back if g.outputs[j] in active and g.inputs[k] in g.floating}
            now = frozenset(wanted - carried | on)
        return found, found.index(now)


class Control(Bound):
    """What its bodies compute. A subclass gives `forward`, `ruled`, `with_graphs` and `deciders`.

    A body's nodes have names of their own, unique in the whole model. Outputs beyond `n_outputs` are its notes for the
    way back; no relevance arrives there.
    """

    kind = "Control"

    def __init__(
        self, bodies: Sequence[Body], n_outputs: int, constants: Sequence[Tensor | None], dynamic: Sequence[bool]
    ) -> None:
        super().__init__(constants, dynamic)
        self.bodies = tuple(bodies)
        self.n_outputs = n_outputs
        self.layers = torch.nn.ModuleList([n.layer for b in bodies for n in b.graph.nodes])

    def given(self, inputs: Sequence[bool]) -> frozenset[int]:
        """The ONNX inputs behind the dynamic inputs that are marked."""
        return frozenset(i for i, marked in zip(self.slots, inputs, strict=True) if marked)

    def active(self, inputs: Sequence[bool]) -> tuple[bool, ...]:
        """Which outputs relevance can come from on its way to the inputs that are marked."""
        out = [False] * self.n_outputs
        given = self.given(inputs)
        for b in self.bodies:
            sources = b.sources(given)
            active = b.graph.active(sources) if sources else frozenset()
            unchanged = {j for j, k in b.back if b.graph.inputs[k] in active}  # after no step at all
            for j, (v, o) in enumerate(zip(b.graph.outputs, b.gives, strict=True)):
                if o is not None and (v in active or j in unchanged):
                    out[o] = True
        return tuple(out)

    @cached_property
    def _carries(self) -> tuple[bool, ...]:
        n = len(self.slots)
        return tuple(any(self.active([i == k for k in range(n)])) for i in range(n))

    def carries(self, i: int) -> bool:
        return self._carries[i]

    @cached_property
    def deciding(self) -> frozenset[int]:
        """The dynamic inputs whose numbers decide which nodes run, or how often."""
        given = self.deciders()
        return frozenset(k for k, i in enumerate(self.slots) if i in given)

    def ruled(self, rules: Mapping[str, Rule], active: Sequence[bool]) -> Rule:
        """The rule of this layer where its bodies' nodes, by name, have these, and relevance is wanted at the inputs
        that are marked."""
        raise NotImplementedError(type(self).__name__)

    def with_graphs(self, change: Callable[[Graph], Graph]) -> Control:
        """The same layer with its bodies' graphs changed."""
        raise NotImplementedError(type(self).__name__)

    def deciders(self) -> frozenset[int]:
        """The ONNX inputs whose numbers decide which nodes run, or how often."""
        raise NotImplementedError(type(self).__name__)

    def constants(self) -> list[Tensor | None]:
        """The bound constants by ONNX input."""
        return [getattr(self, f"constant_{i}") if i in self.constant_slots else None for i in range(self.n_slots)]


class Known(Integer):
    """A constant: an output of a body that depends on nothing."""

    def __init__(self, value: Tensor) -> None:
        super().__init__((value,), (False,))

    def forward(self) -> Tensor:
        value: Tensor = self.full(())[0]
        return value
