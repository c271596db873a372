"""MelWeightMatrix: the triangles that make a mel spectrogram of a spectrum."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer
from ..parameters import dtype_of


class MelWeightMatrix(Integer):
    """(place in the spectrum, mel bin): triangles between places spaced evenly in mel = 2595·log₁₀(1 + f/700).

    The places are whole numbers, so that the matrix is piecewise constant in the edges: their derivative is 0.
    """

    onnx = {"MelWeightMatrix": 17}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.dtype = dtype_of(node.attr("output_datatype", 1), node)

    @classmethod
    def build(cls, node: OnnxNode) -> MelWeightMatrix:
        return cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        bins, length, rate, low, high = (v.reshape(()).to(torch.float64) for v in self.full(inputs))
        n = int(bins)
        mel_low, mel_high = (2595 / math.log(10) * torch.log1p(f / 700) for f in (low, high))
        mel = mel_low + torch.arange(n + 2, device=low.device) * (mel_high - mel_low) / (n + 2)
        place = ((length + 1) * 700 * torch.expm1(mel * math.log(10) / 2595) / rate).floor()
        left, centre, right = place[:n], place[1 : n + 1], place[2:]
        row = torch.arange(int(length) // 2 + 1, device=low.device, dtype=torch.float64)[:, None]
        rise = torch.where(centre > left, (row - left) / (centre - left).clamp(min=1), 1.0)
        fall = (right - row) / (right - centre).clamp(min=1)
        y = torch.where((row >= left) & (row <= centre), rise, torch.where((row > centre) & (row < right), fall, 0.0))
        return y.to(self.dtype)
