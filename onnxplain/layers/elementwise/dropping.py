"""Dropout in training mode: what is dropped is drawn, the same at every call."""

from __future__ import annotations

from torch import Tensor

from ..base import Layer, OnnxNode
from ..integer.random import kept
from ..kinds import Elementwise
from ..settling import Settling


class Dropping(Elementwise):
    """y = x / (1 − ratio) where it is kept, else 0; which that is depends on an element's place alone."""

    onnx = {"Dropout": 12}
    adjoint_reads = frozenset()
    draws = True
    joins_samples = True

    def __init__(self, node: OnnxNode, ratio: float) -> None:
        super().__init__()
        self.node, self.ratio = node, ratio

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        training, ratio = node.constant(2), node.constant(1)
        known = training is not None and bool(training.any()) and not node.is_dynamic(1)
        share = 0.5 if ratio is None else float(ratio)
        return cls(node, share) if known and share and node.only_dynamic(0) and node.n_outputs == 1 else None

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        return kept(self.node, x, self.ratio).to(x.dtype) / (1 - self.ratio)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.derivative(x, x)

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return self.derivative(x, y)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class DroppingBy(Settling, Elementwise):
    """`Dropping` by a ratio, or in a mode, that is computed at run time; nothing is dropped in another than training."""

    onnx = {"Dropout": 12}
    draws = True
    joins_samples = True
    keeps_sign = True

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        return super().build(node) if node.n_outputs == 1 else None
