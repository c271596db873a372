"""Unique: the different elements, or the different slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import Layer, OnnxNode
from ..kinds import Integer
from ..shapes import lift
from .single import Single


def unique(x: Tensor, axis: int | None, in_order: bool) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """(different elements, where each stands first, which of them each element of x is, how often each stands)."""
    flat, a = (x.reshape(-1), 0) if axis is None else (x, axis)
    found, inverse, counts = torch.unique(flat, sorted=True, return_inverse=True, return_counts=True, dim=a)
    n = found.shape[a]
    place = torch.arange(flat.shape[a], device=x.device)
    first = torch.full((n,), flat.shape[a], device=x.device).scatter_reduce(0, inverse, place, "amin")
    if not in_order:
        order = first.argsort()
        back = torch.empty_like(order).scatter(0, order, torch.arange(n, device=x.device))
        first, inverse, counts = first[order], back[inverse], counts[order]
    return flat.index_select(a, first), first, inverse, counts


class Unique(Single):
    """(the different elements of x, or slices of it on an axis; their first places; …). An element that stands several
    times is the first of them. Sharing its relevance shares it over all of x."""

    onnx = {"Unique": 11}
    ranked = True

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.axis, self.in_order = node.attr("axis"), bool(node.attr("sorted", 1))

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        return cls(node) if node.is_floating(0) else None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return unique(self.full(inputs)[0], self.axis, self.in_order)

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        x = self.full(inputs)[0]
        first, place = self.forward(*inputs)[1], torch.arange(x.numel(), device=x.device)
        return first if self.axis is None else place.reshape(x.shape).index_select(self.axis, first)

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        return self.full(inputs)[0].reshape(-1)[index]

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        flat = r.new_zeros((r.shape[0], args[0].numel()))
        return flat.index_add(1, index.reshape(-1), r.reshape(r.shape[0], -1)).reshape(r.shape[0], *args[0].shape)

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        x = self.full(inputs)[0]  # one sum for all outputs: how many there are follows from the numbers
        return x.sum().reshape(1) if self.axis is None else x.sum(self.axis, keepdim=True)

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        x = args[0]
        if self.axis is None:
            return r.flatten(1).sum(1).reshape(-1, *[1] * x.dim()).expand(r.shape[0], *x.shape)
        return r.sum(lift(self.axis, x.dim()), keepdim=True).expand(r.shape[0], *x.shape)


class IntegerUnique(Integer):
    """The same of integers."""

    onnx = {"Unique": 11}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node.constants, node.dynamic)
        self.axis, self.in_order = node.attr("axis"), bool(node.attr("sorted", 1))

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        return None if node.is_floating(0) else cls(node)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return unique(self.full(inputs)[0], self.axis, self.in_order)
