"""Scan: one step for every slice of its scanned inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from ...layers.control import Control
from ..graph import Graph
from .deciding import needed_by
from .steps import Ends, Laid, Stepped


class Scan(Stepped):
    """ONNX inputs: what is carried at first, what is scanned; then captures."""

    def __init__(
        self,
        graph: Graph,
        carried: int,
        scanned: Sequence[Laid],
        stacked: Sequence[Laid],
        constants: Sequence[Tensor | None],
        dynamic: Sequence[bool],
    ) -> None:
        super().__init__(graph, Ends(carried, len(scanned), len(stacked)), scanned, stacked, constants, dynamic)

    def count(self, args: Sequence[Any]) -> int:
        return int(args[self.ends.carried].shape[self.scanned[0].axis])

    def own(self, args: Sequence[Any], k: int) -> tuple[Tensor, ...]:
        return ()

    def with_graphs(self, change: Callable[[Graph], Graph]) -> Control:
        dynamic = [i in self.slots for i in range(self.n_slots)]
        graph = change(self.bodies[0].graph)
        return Scan(graph, self.ends.carried, self.scanned, self.stacked, self.constants(), dynamic)

    def deciders(self) -> frozenset[int]:
        return needed_by(self.bodies[0])
