"""Concat and Split: several values side by side on one axis."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import Cotangents, OnnxNode, Pulled
from ..kinds import Routing
from ..parameters import Ints, unread
from ..shapes import lift


class Concat(Routing):
    """The inputs one after the other on `axis`; any of them may be constant."""

    onnx = {"Concat": 4}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.axis = self.joined = int(node.attr("axis"))

    @classmethod
    def build(cls, node: OnnxNode) -> Concat:
        return cls(node)

    def keeps_rows(self) -> bool:
        return (self.axis == -1 or self.axis > 0) and not self.constant_slots

    def forward(self, *inputs: Tensor) -> Tensor:
        return torch.cat(self.full(inputs), self.axis)

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        g = cotangents[0]
        if g is None:
            return (None,) * len(inputs)
        args = self.full(inputs)
        pieces = g.split([x.shape[self.axis] for x in args], lift(self.axis, g.dim() - 1))
        return tuple([pieces[s] for s in self.slots])


class Split(Routing):
    """x cut on `axis` into pieces of the sizes given, or into equal ones (the last smaller where it must be)."""

    onnx = {"Split": 2}

    def __init__(self, node: OnnxNode) -> None:
        sizes = Ints(node, "split", 1)
        super().__init__(*unread(node, (sizes,)))
        self.sizes, self.axis = sizes, int(node.attr("axis", 0))
        self.cut = None if sizes.dynamic else self.axis
        self.pieces = int(node.attr("num_outputs", node.n_outputs))

    def keeps_rows(self) -> bool:
        return (self.axis == -1 or self.axis > 0) and not self.sizes.dynamic

    @classmethod
    def build(cls, node: OnnxNode) -> Split:
        return cls(node)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        args = self.full(inputs)
        x, sizes = args[0], self.sizes.of(args)
        if sizes is None:
            n = x.shape[self.axis]
            step = -(-n // self.pieces)
            sizes = [step] * (self.pieces - 1) + [n - step * (self.pieces - 1)]
        return torch.split_with_sizes(x, sizes, self.axis)  # which Tensor.split comes to, after some Python

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        pieces = of_all(cotangents, outputs)
        if pieces is None:
            return (None,) * len(inputs)
        whole = torch.cat(pieces, lift(self.axis, pieces[0].dim() - 1))
        return tuple([whole if s == 0 else None for s in self.slots])

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return 0 in self.slots and inputs[self.slots.index(0)]

    def carries(self, i: int) -> bool:
        return self.slots[i] == 0


def of_all(cotangents: Cotangents, outputs: Sequence[Tensor]) -> list[Tensor] | None:
    """Cotangents of all outputs, zeros for those without; None where none has one."""
    some = next((g for g in cotangents if g is not None), None)
    if some is None:
        return None
    return [some.new_zeros((some.shape[0], *y.shape)) if g is None else g for g, y in zip(cotangents, outputs, strict=True)]
