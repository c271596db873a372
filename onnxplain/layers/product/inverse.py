"""The inverse of a matrix."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Pulled
from ..kinds import Product


class Inverse(Product):
    """y = x⁻¹, whose adjoint is −y⊤ g y⊤; what x_ij contributes sums to −y.

    DeepLIFT: y − ȳ = −y Δx ȳ = −ȳ Δx y, the mean of the two.
    """

    onnx = {"com.microsoft:Inverse": 1}
    entrywise = False

    @classmethod
    def build(cls, node: OnnxNode) -> Inverse | None:
        return cls() if node.is_floating(0) and node.is_dynamic(0) else None

    def count(self, inputs: Sequence[Tensor]) -> int:
        return -1

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.inv(x)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        turned = torch.linalg.inv(inputs[0]).mT
        return -turned @ g @ turned

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        y, y0 = (torch.linalg.inv(x[0]).mT for x in (inputs, inputs0))
        return (-(y @ g @ y0 + y0 @ g @ y) / 2,)
