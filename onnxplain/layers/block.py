"""An activation together with the affine layers that feed it: what reveal-cancel looks at as one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import add

import torch
from torch import Tensor

from .base import Layer
from .kinds import Additive, Affine, Elementwise

#: what goes to every contribution, and what goes to it times its sign
Carried = tuple[Tensor, Tensor]


class Block(Layer):
    """(y, z): y = f(z), z made of the inputs by affine, additive and routing layers alone.

    `steps`: (layer, the slots it reads), in forward order, the activation f last; slots are the inputs first, then
    what each step makes.
    """

    kind = "Block"

    def __init__(self, steps: Sequence[tuple[Layer, tuple[int, ...]]], n_inputs: int) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList([layer for layer, _ in steps])
        self.reads = tuple(ins for _, ins in steps)
        self.n_inputs = n_inputs
        last = steps[-1][0]
        assert isinstance(last, Elementwise)
        self.activation = last
        self.z = self.reads[-1][0]

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        slots = list(inputs)
        for layer, ins in zip(self.layers, self.reads, strict=True):
            slots.append(layer.forward(*[slots[i] for i in ins]))
        return slots[-1], slots[self.z]

    def sizes(self, differences: Sequence[Tensor]) -> list[Tensor]:
        """Of every slot up to z: the sum of the sizes of all contributions to its difference."""
        slots = [d.abs() for d in differences]
        for layer, ins in zip(self.layers[:-1], self.reads[:-1], strict=True):
            slots.append(_size(layer, [slots[i] for i in ins]))
        return slots

    def pull(self, whole: Tensor, signed: Tensor, sizes: Sequence[Tensor]) -> list[Carried]:
        """From z to the inputs: the transposes of the layers, and those of their sizes (`sizes`: read for shapes)."""
        carried: list[Carried | None] = [None] * len(sizes)
        carried[self.z] = whole, signed
        for k in range(len(self.layers) - 2, -1, -1):
            g, ins = carried[self.n_inputs + k], self.reads[k]
            assert g is not None
            like = [sizes[i] for i in ins]
            for i, pulled in zip(ins, _pull(self.layers[k], g, like, sizes[self.n_inputs + k]), strict=True):
                before = carried[i]
                carried[i] = pulled if before is None else (before[0] + pulled[0], before[1] + pulled[1])
        return [g for g in carried[: self.n_inputs] if g is not None]


def _size(layer: torch.nn.Module, sizes: Sequence[Tensor]) -> Tensor:
    if isinstance(layer, Affine):
        return layer.linear(sizes[0], "absolute")
    if isinstance(layer, Additive):
        return reduce(add, [abs(c) * w for c, w in zip(layer.coefficients, sizes, strict=True)])
    moved: Tensor = layer(*sizes)
    return moved


def _pull(layer: torch.nn.Module, g: Carried, like: Sequence[Tensor], made: Tensor) -> list[Carried]:
    whole, signed = g
    if isinstance(layer, Affine):
        return [(layer.transpose(whole, like[0]), layer.transpose(signed, like[0], "absolute"))]
    assert isinstance(layer, Layer)
    pairs = zip(layer.adjoint((whole,), like, (made,)), layer.adjoint((signed,), like, (made,)), strict=True)
    found = [(u, v) for u, v in pairs if u is not None and v is not None]
    if isinstance(layer, Additive):
        return [(u, v if c > 0 else -v) for c, (u, v) in zip(layer.coefficients, found, strict=True)]
    return found
