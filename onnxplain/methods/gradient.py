"""Gradient and Gradient × Input."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..rules.composites import Composite, everywhere
from ..rules.gradient import Adjoint
from .base import Chunk, Method, Step


@dataclass(frozen=True, repr=False, eq=False)
class Gradient(Method):
    """∂f/∂x; with `times_input`, x ⊙ ∂f/∂x (Simonyan et al. 2014; Shrikumar et al. 2016)."""

    name = "gradient"

    times_input: bool = False

    @property
    def layer_factor(self) -> Any:  # type: ignore[override]
        return "value" if self.times_input else "none"

    def rules(self) -> Composite:
        return everywhere(Adjoint())

    def steps(self, chunk: Chunk, prepared: Any) -> Iterator[Step]:
        yield Step(x=None if chunk.clean else chunk.x, factor=chunk.x if self.times_input else None)
