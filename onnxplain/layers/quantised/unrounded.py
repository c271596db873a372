"""What a quantisation would give if its type had every number."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..kinds import Elementwise


class Rounding(Protocol):
    def unrounded(self, x: Tensor) -> Tensor: ...
    def gain(self, x: Tensor) -> Tensor: ...


class Unrounded(Elementwise):
    """y = x in the units that the rounding puts it in, neither rounded nor cut off."""

    adjoint_reads = frozenset()

    def __init__(self, like: Rounding) -> None:
        super().__init__()
        self.like = like

    def forward(self, x: Tensor) -> Tensor:
        return self.like.unrounded(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.like.gain(x)

    def gain(self, x: Tensor) -> Tensor:
        return self.like.gain(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.like.gain(x).expand_as(y)
