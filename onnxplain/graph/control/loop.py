"""Loop: steps until their number is reached or a condition fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...layers.control import Control
from ..graph import Graph
from .deciding import needed_by
from .steps import Ends, Laid, Stepped


class Loop(Stepped):
    """ONNX inputs: the number of steps, a condition, what is carried at first; then captures.

    `asks`: the body's first output is the condition to go on (else only the number of steps ends the loop).
    """

    def __init__(
        self, graph: Graph, carried: int, asks: bool, constants: Sequence[Tensor | None], dynamic: Sequence[bool]
    ) -> None:
        stacked = len(graph.outputs) - carried - asks
        ends = Ends(carried, stacked=stacked, head=2, lead=int(asks))
        super().__init__(graph, ends, (), [Laid()] * stacked, constants, dynamic)
        self.asks = asks
        readers = graph.consumers
        self.counts = bool(readers[graph.inputs[0]]) or graph.inputs[0] in graph.outputs

    def count(self, args: Sequence[Any]) -> int | None:
        if args[1] is not None and not bool(args[1].reshape(-1)[0]):
            return 0
        return None if args[0] is None else max(0, int(args[0].reshape(-1)[0]))

    def own(self, args: Sequence[Any], k: int) -> tuple[Tensor, ...]:
        device = next((a.device for a in args if isinstance(a, Tensor)), None)
        # a step that runs has been told to
        return torch.tensor(k if self.counts else 0, device=device), torch.tensor(True, device=device)

    def with_graphs(self, change: Callable[[Graph], Graph]) -> Control:
        dynamic = [i in self.slots for i in range(self.n_slots)]
        return Loop(change(self.bodies[0].graph), self.ends.carried, self.asks, self.constants(), dynamic)

    def deciders(self) -> frozenset[int]:
        (body,) = self.bodies
        return frozenset({0, 1}) | needed_by(body, body.graph.outputs[: self.ends.lead])
