"""The forward pass of a body that runs many times: nothing is freed, since all of it is forgotten after the step."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..graph import Graph
from ..plan import Forward, getter


class Quick:
    """(values at the graph's inputs) → values at its outputs."""

    def __init__(self, graph: Graph) -> None:
        self.plain = Forward(graph, graph.inputs, graph.outputs, None)
        self.made = getter(graph.outputs, self.plain.index)
        index = self.plain.index
        self.known = [(index[v], c) for v, c in self.plain.constants.items()]
        self.size = self.plain.size
        calls = [(n.layer.forward, getter(n.inputs, index), [index[v] for v in n.outputs]) for n in self.plain.nodes]
        self.calls = [(f, reads, outs[0], outs if len(outs) > 1 else None) for f, reads, outs in calls]

    def __call__(self, values: Sequence[Tensor]) -> Sequence[Tensor]:
        slots: list[Tensor | None] = [*values, *[None] * (self.size - len(values))]  # inputs come first
        for i, c in self.known:
            slots[i] = c
        try:
            for forward, reads, out, outs in self.calls:
                made = forward(*reads(slots))
                if outs is not None:
                    for o, y in zip(outs, made, strict=False):
                        slots[o] = y
                else:
                    slots[out] = made[0] if isinstance(made, tuple) else made
        except (RuntimeError, LookupError, ArithmeticError, ValueError, TypeError):
            self.plain.run(dict(zip(self.plain.feeds, values, strict=True)))  # the same error, with the node's name
            raise
        return self.made(slots)
