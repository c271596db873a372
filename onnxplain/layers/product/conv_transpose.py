"""Transposed convolution whose weights are computed at run time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..affine.conv_transpose import ConvTranspose
from ..affine.window import per_channel
from ..base import OnnxNode
from ..kinds import Bilinear
from .pointwise import two_values


class DynamicConvTranspose(Bilinear):
    """y = wᵀ ∗ x + b with x and w activations and b constant or absent: linear in each."""

    onnx = {"ConvTranspose": 1}
    b: Tensor | None

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.node = node
        self.register_buffer("b", node.constant(2))

    @classmethod
    def build(cls, node: OnnxNode) -> DynamicConvTranspose | None:
        return cls(node) if two_values(node) else None

    def of(self, w: Tensor) -> ConvTranspose:
        """The layer of x alone; w's shape is not known before it is computed."""
        return ConvTranspose.read(self.node, w, None)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        y = self.of(w).forward(x)
        return y if self.b is None else y + per_channel(self.b, y.dim())

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        x, w = inputs
        layer = self.of(w)
        if i == 0:
            return layer.transpose(g, x)
        # a sum over the samples: the targets cannot join them
        return torch.stack([layer.weight_transpose(r, x) for r in g])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and (self.b is None or bool((self.b >= 0).all()))
