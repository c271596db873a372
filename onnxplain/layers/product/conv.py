"""Convolution whose weights are computed at run time."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..affine.window import Window, pad_list
from ..base import OnnxNode
from ..kinds import Bilinear
from ..shapes import fold, unfold
from .pointwise import two_values

CONVOLVE = {1: torch.conv1d, 2: torch.conv2d, 3: torch.conv3d}


class DynamicConv(Bilinear):
    """y = w ∗ x + b with x and w activations and b constant or absent: linear in each."""

    onnx = {"Conv": 1}
    b: Tensor | None

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.node = node
        self.groups = int(node.attr("group", 1))
        self.register_buffer("b", node.constant(2))

    @classmethod
    def build(cls, node: OnnxNode) -> DynamicConv | None:
        return cls(node) if two_values(node) else None

    def window(self, x: Tensor, w: Tensor) -> tuple[Window, list[int]]:
        """The window, and the pads around x in torch's order; w's shape is not known before it is computed."""
        window = Window.read(self.node, w.shape[2:])
        return window, pad_list(*window.pads_at(x.shape[2:]))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        window, pads = self.window(x, w)
        padded = torch.nn.functional.pad(x, pads)
        return CONVOLVE[window.rank](padded, w, self.b, window.strides, 0, window.dilations, self.groups)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        x, w = inputs
        window, pads = self.window(x, w)
        padded = torch.nn.functional.pad(x, pads)
        if i == 1:  # a sum over the samples: the targets cannot join them
            return torch.stack([self.backward(r, padded, w, window)[1] for r in g])
        repeated = padded[:1].expand(g.shape[0] * x.shape[0], *padded.shape[1:])  # its numbers are not read
        back = self.backward(fold(g), repeated, w, window)[0]
        return unfold(torch.nn.functional.pad(back, [-p for p in pads]), g.shape[0])

    def backward(self, g: Tensor, x: Tensor, w: Tensor, window: Window) -> tuple[Tensor, Tensor]:
        zeros, no = [0] * window.rank, False
        dx, dw, _ = torch.ops.aten.convolution_backward(
            g, x, w, None, window.strides, zeros, window.dilations, no, zeros, self.groups, [True, True, False]
        )
        return dx, dw
