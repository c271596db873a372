"""Connection weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..rules.composites import Composite, everywhere
from ..rules.connection_weights import ConnectionWeights as Weights
from .base import Chunk, Method, Step


@dataclass(frozen=True, repr=False, eq=False)
class ConnectionWeights(Method):
    """Sum over all paths of the products of weights (Olden et al. 2004): the walk with activations, biases and offsets
    left out. Global: the same for every sample, unless `times_input`."""

    name = "connection_weights"

    times_input: bool = False

    @property
    def layer_factor(self) -> Any:  # type: ignore[override]
        return "value" if self.times_input else "none"

    @property
    def needs_data(self) -> bool:  # type: ignore[override]
        return self.times_input

    def rules(self) -> Composite:
        return everywhere(Weights())

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x, factor=chunk.x if self.times_input else None)
