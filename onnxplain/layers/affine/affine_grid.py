"""AffineGrid: the places that an affine transformation samples at."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of


class AffineGrid(Affine):
    """y[n, place] = θ[n] (place, 1), places between −1 and 1, last axis first: linear in θ."""

    onnx = {"AffineGrid": 20}
    family = "other"

    def __init__(self, sizes: Sequence[int], align_corners: bool) -> None:
        """`sizes`: of the spatial axes."""
        super().__init__()
        self.sizes, self.align_corners = tuple(sizes), align_corners

    @classmethod
    def build(cls, node: OnnxNode) -> AffineGrid | None:
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        return cls(node.ints("size", 1)[2:], bool(node.attr("align_corners", 0)))

    def forward(self, theta: Tensor) -> Tensor:
        return self.linear(theta)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        y = x @ part_of(self.places(x), part).T  # (N, D, place)
        return y.mT.reshape(x.shape[0], *self.sizes, x.shape[1])

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        return r.flatten(2, -2).mT @ part_of(self.places(like), part)

    def places(self, like: Tensor) -> Tensor:
        """(place, D + 1): the coordinates of every place, last axis first, and a one."""
        axes = []
        for n in self.sizes:
            step = torch.arange(n, dtype=like.dtype, device=like.device)
            axes.append(step * 2 / (n - 1) - 1 if self.align_corners else (step * 2 + 1) / n - 1)
        each = torch.meshgrid(*axes, indexing="ij")
        return torch.stack([*reversed(each), torch.ones_like(each[0])], -1).reshape(-1, len(self.sizes) + 1)
