"""Resizing to a size that is computed at run time."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..base import Cotangents, OnnxNode, Pulled
from ..kinds import Affine
from .resize import Resize
from .resize_target import Target, places, read_mode, read_target


class DynamicResize(Affine):
    """Resize whose sizes or scales come from other values, which carry no relevance.

    Given those, it is affine in x: `settle` makes the `Resize` of one forward pass, which every rule of the kind takes.
    """

    onnx = {"Resize": 10, "Upsample": 9}
    family = "resize"
    adjoint_reads = frozenset({"inputs"})

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.node = node
        self.mode = read_mode(node)
        self.extrapolation = float(node.attr("extrapolation_value", 0.0))
        self.asks = tuple(i for i in places(node) if i >= 0 and node.is_dynamic(i))

    @classmethod
    def build(cls, node: OnnxNode) -> DynamicResize | None:
        scales, sizes = places(node)
        if not node.is_floating(0) or not (node.only_dynamic(0, scales) or node.only_dynamic(0, sizes)):
            return None
        return cls(node)

    def settle(self, inputs: Sequence[Tensor]) -> Resize:
        """The layer of x alone that this is for these inputs, (x, sizes or scales)."""
        scales, sizes = (inputs[1] if i in self.asks else self.node.constant(i) for i in places(self.node))
        target = read_target(self.node, scales, sizes)
        return Resize(target or Target(scales=(1.0,) * inputs[0].dim()), self.mode, self.extrapolation)

    def forward(self, x: Tensor, size: Tensor) -> Tensor:
        return self.settle((x, size)).forward(x)

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        return (*self.settle(inputs).adjoint(cotangents, inputs[:1], outputs), None)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0] and self.mode.filter != "cubic" and self.extrapolation >= 0

    def carries(self, i: int) -> bool:
        return i == 0
