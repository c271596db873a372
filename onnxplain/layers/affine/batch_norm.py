"""Batch normalisation with stored statistics."""

from __future__ import annotations

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of
from .merging import nothing_below_zero
from .window import per_channel


class BatchNorm(Affine):
    """y = a ⊙ x + c along axis 1, with a = γ / √(σ² + ε) and c = β − a ⊙ μ.

    `scale` = a and `shift` = c are kept in float64 for whoever merges them into a neighbour's weights.
    """

    onnx = {"BatchNormalization": 7}
    family = "batch_norm"
    scale: Tensor
    shift: Tensor
    a: Tensor
    c: Tensor

    def __init__(self, scale: Tensor, shift: Tensor, dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("scale", scale.double())
        self.register_buffer("shift", shift.double())
        self.register_buffer("a", scale.to(dtype))
        self.register_buffer("c", shift.to(dtype))

    @classmethod
    def build(cls, node: OnnxNode) -> BatchNorm | None:
        # training mode takes its statistics from x; spatial = 0 (opset 7) has one statistic per element
        if not node.only_dynamic(0) or node.attr("training_mode", 0) or not node.attr("spatial", 1) or node.n_outputs > 1:
            return None
        constants = [node.constant(i) for i in range(1, 5)]
        if any(v is None for v in constants):
            return None
        gamma, beta, mean, var = (v.double() for v in constants if v is not None)
        a = gamma / (var + float(node.attr("epsilon", 1e-5))).sqrt()
        return cls(a, beta - a * mean, node.dtype)

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(per_channel(self.c, x.dim()), x, per_channel(self.a, x.dim()))

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return x * per_channel(part_of(self.a, part), x.dim())

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        return r * per_channel(part_of(self.a, part), like.dim())

    def bias(self, like: Tensor) -> Tensor | None:
        return per_channel(self.c, like.dim())

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.a, self.c)
