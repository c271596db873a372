"""Settling: an operator whose parameters (axes, sizes, exponents) are computed at run time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from .base import Cotangents, Layer, OnnxNode, Pulled, layer_for


class Settling(Layer):
    """Given its parameters, a layer of input 0 alone: `settle` makes that of one forward pass, which every rule of the
    kind takes. The parameters carry no relevance.

    Stands before the kind among a class's bases. A class gives `onnx`; `keeps_sign` where its outputs are ≥ 0 if x is;
    and `build` where not every node with computed parameters is its own.
    """

    keeps_sign: bool = False
    adjoint_reads = frozenset({"inputs", "outputs"})

    def __init__(self, node: OnnxNode) -> None:
        super().__init__()
        self.node = node
        self.computed = tuple(i for i, d in enumerate(node.dynamic) if d)

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        return cls(node) if node.is_dynamic(0) and node.is_floating(0) and not node.only_dynamic(0) else None

    def settle(self, inputs: Sequence[Tensor]) -> Any:
        """The layer of x alone that this is for these inputs."""
        constants = list(self.node.constants)
        for i, v in zip(self.computed[1:], inputs[1:], strict=True):
            constants[i] = v
        dynamic = (True, *(False for _ in self.node.dynamic[1:]))
        layer = layer_for(replace(self.node, constants=tuple(constants), dynamic=dynamic))
        if layer is None:
            raise ValueError(f"there is no layer for {self.node.op} with the parameters computed here")
        return layer

    def forward(self, *inputs: Tensor) -> Any:
        return self.settle(inputs).forward(inputs[0])

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        pulled = self.settle(inputs).adjoint(cotangents, inputs[:1], outputs)
        return (*pulled, *(None for _ in inputs[1:]))

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return self.keeps_sign and inputs[0]

    def carries(self, i: int) -> bool:
        return i == 0
