"""Mod of a constant by an activation."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Elementwise
from .slopes import quotient


class Divided(Elementwise):
    """y = c − x·q with q = trunc(c/x) (fmod = 1, the sign of c) or ⌊c/x⌋ (the sign of x); y′ = −q between the steps of q."""

    onnx = {"Mod": 10}
    c: Tensor
    remainder: Callable[[Tensor, Tensor], Tensor]

    def __init__(self, c: Tensor, truncates: bool) -> None:
        super().__init__()
        self.register_buffer("c", c)
        self.remainder = torch.fmod if truncates else torch.remainder

    @classmethod
    def build(cls, node: OnnxNode) -> Divided | None:
        c = node.constant(0)
        if c is None or not node.only_dynamic(1) or not node.is_floating(1):
            return None
        return cls(c, bool(node.attr("fmod", 0)))

    def forward(self, x: Tensor) -> Tensor:
        return self.remainder(self.c, x)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return -((self.c - y) / x).round()

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return quotient(y - y0, x - x0, self.derivative(x, y))
