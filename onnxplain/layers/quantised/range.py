"""The scale and zero point that dynamic quantisation measures on a value."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from .grid import GRIDS
from .quantize import Quantize

BYTE = GRIDS[2]


class DynamicRange(Integer):
    """s = (max(x, 0) − min(x, 0)) / 255, z = round(−min(x, 0) / s), and x quantised by them; s = 1 where x is all zeros.

    Measured, they count as constants: they carry no relevance, which goes through the quantisation alone. (What is made
    of this operator quantises in a node of its own.)
    """

    onnx = {"DynamicQuantizeLinear": 11}
    joins_samples = True

    @classmethod
    def build(cls, node: OnnxNode) -> DynamicRange:
        return cls(node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.full(inputs)[0]
        low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
        s = torch.where(high == low, 1.0, (high - low) / BYTE.high)
        z = BYTE.held(BYTE.low - low / s).round()
        return Quantize(s, z, BYTE).forward(x).to(torch.uint8), s, z.to(torch.uint8)
