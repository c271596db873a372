"""What a quantisation would give if its type had every number."""

from __future__ import annotations

from torch import Tensor

from ..kinds import Elementwise
from .fake_quantize import FakeQuantize
from .quantize import Quantize


class Unrounded(Elementwise):
    """y = x in the units that the rounding puts it in, neither rounded nor cut off."""

    adjoint_reads = frozenset()

    def __init__(self, rounding: Quantize | FakeQuantize) -> None:
        super().__init__()
        self.rounding_layer = rounding

    def forward(self, x: Tensor) -> Tensor:
        return self.rounding_layer.unrounded(x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return self.rounding_layer.gain(x)

    def gain(self, x: Tensor) -> Tensor:
        return self.rounding_layer.gain(x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.rounding_layer.gain(x).expand_as(y)
