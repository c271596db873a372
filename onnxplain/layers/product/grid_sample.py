"""Sampling at places that are computed at run time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..affine.grid_sample import GridSample, sampling
from ..base import OnnxNode, Pulled
from ..kinds import Product
from .pointwise import two_values


class DynamicGridSample(Product):
    """y = sample(x, grid): linear in x, piecewise smooth in the grid. LRP: all to x, through the weights of this grid.

    DeepLIFT: Δy is shared between x and grid as between two factors, and what falls on a place of the grid between its
    coordinates in proportion to the squares of their differences.
    """

    onnx = {"GridSample": 16, "com.microsoft:GridSample": 1, "onnxplain:PlaceSample": 1}
    entrywise = False

    def __init__(self, mode: str, padding: str, align_corners: bool, counted: bool = False) -> None:
        super().__init__()
        self.sampling = mode, padding, align_corners, counted

    @classmethod
    def build(cls, node: OnnxNode) -> DynamicGridSample | None:
        return cls(*sampling(node)) if two_values(node) else None

    def at(self, grid: Tensor) -> GridSample:
        return GridSample(grid, *self.sampling)

    def forward(self, x: Tensor, grid: Tensor) -> Tensor:
        return self.at(grid).linear(x)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        x, grid = inputs
        if i == 0:
            return self.at(grid).transpose(g, x)
        return (g[..., None] * self.at(grid).slopes(x)).sum(2)

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        (x, grid), (x0, grid0) = inputs, inputs0
        here, there = self.at(grid), self.at(grid0)
        m_x = (here.transpose(g, x) + there.transpose(g, x)) / 2
        middle = (x + x0) / 2
        moved = here.linear(middle) - there.linear(middle)  # y is linear in x: the mean of both differences
        step = grid - grid0
        length = (step * step).sum(-1, keepdim=True)
        tiny = length <= torch.finfo(x.dtype).eps ** (2 / 3)
        share = (g * moved).sum(2)[..., None] * (step / torch.where(tiny, 1.0, length))
        slopes = self.at((grid + grid0) / 2).slopes(middle)
        return m_x, torch.where(tiny, (g[..., None] * slopes).sum(2), share)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] and self.sampling[0] != "cubic"
