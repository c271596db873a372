"""Dropout in training mode: what is dropped is drawn, the same at every call."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..base import Layer, OnnxNode
from ..integer.random import kept
from ..kinds import Elementwise
from ..settling import Settling


class Dropping(Elementwise):
    """y = x / (1 − ratio) where it is kept, else 0; which that is depends on an element's place alone.

    A Dropout whose mode is computed settles as one named "Dropping", which keeps everything where nothing is to be dropped.
    """

    onnx = {"Dropout": 12, "onnxplain:Dropping": 1}
    adjoint_reads = frozenset()
    draws = True
    joins_samples = True

    def __init__(self, node: OnnxNode, ratio: float) -> None:
        super().__init__()
        self.node, self.ratio = node, ratio

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        training, ratio = node.constant(2), node.constant(1)
        drops = training is not None and bool(training.any())
        share = (0.5 if ratio is None else float(ratio)) if drops else 0.0
        fits = node.only_dynamic(0) and node.is_floating(0) and node.n_outputs == 1
        return cls(node, share) if fits and (share or node.op == "Dropping") else None

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
        settling = super().build(replace(node, op="Dropping", domain="onnxplain"))
        return settling if node.n_outputs == 1 else None
