"""The determinant: a product of as many factors as a matrix has columns."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Pulled
from ..kinds import Product


class Determinant(Product):
    """det x, linear in each column: ∂/∂x_ij is the cofactor, and Σ_i x_ij·cofactor_ij = det x for every j.

    LRP: every column gets the same share. DeepLIFT: the columns move from x̄ to x one after the other, Δ_j times the
    cofactors of what the others are by then; the mean of going from the first to the last and back.
    """

    onnx = {"Det": 11}
    entrywise = False

    @classmethod
    def build(cls, node: OnnxNode) -> Determinant | None:
        return cls() if node.is_floating(0) and node.is_dynamic(0) else None

    def count(self, inputs: Sequence[Tensor]) -> int:
        return inputs[0].shape[-1]

    def forward(self, x: Tensor) -> Tensor:
        return torch.linalg.det(x)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        return g[..., None, None] * cofactors(inputs[0], inputs[0])

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        x, x0 = inputs[0], inputs0[0]
        return (g[..., None, None] * (cofactors(x, x0) + cofactors(x0, x)) / 2,)


def cofactors(before: Tensor, after: Tensor) -> Tensor:
    """(…, i, j): the determinant with column j made the i-th unit vector, the columns before it taken from `before`,
    those after it from `after`. No inverse, so that singular matrices have them, too."""
    n = before.shape[-1]
    k = torch.arange(n, device=before.device)
    mixed = torch.where(k < k[:, None, None], before[..., None, :, :], after[..., None, :, :])  # (…, j, row, column)
    unit = torch.eye(n, dtype=before.dtype, device=before.device)[:, None, :, None]  # (i, 1, row, 1)
    return torch.linalg.det(torch.where(k == k[:, None, None], unit, mixed[..., None, :, :, :]))
