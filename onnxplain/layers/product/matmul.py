"""Matrix products of two activations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Placed
from ..kinds import Bilinear
from ..shapes import Place, Shape, sum_to
from .pointwise import two_values


def _as_matrices(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """A vector on the left is a row, on the right a column."""
    return (a[None] if a.dim() == 1 else a), (b[:, None] if b.dim() == 1 else b)


class MatMul(Bilinear):
    """a @ b as numpy has it: batch axes broadcast, vectors are rows or columns."""

    onnx = {"MatMul": 1}
    makes_anew = True

    @classmethod
    def build(cls, node: OnnxNode) -> MatMul | None:
        return cls() if two_values(node) else None

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        a, b = shapes
        if min(len(a), len(b)) < 2:
            return None
        return self, [place.where(a) if place.axis != -1 else None, place.where(b) if place.axis != -2 else None]

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.matmul(a, b)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        a, b = _as_matrices(*inputs)
        if inputs[1].dim() == 1:
            g = g.unsqueeze(-1)
        if inputs[0].dim() == 1:
            g = g.unsqueeze(-2)
        if len(g) == 1:
            one = torch.matmul(g[0], b.mT) if i == 0 else torch.matmul(a.mT, g[0])
            return sum_to(one[None], (a, b)[i].shape).reshape(1, *inputs[i].shape)
        # einsum puts the targets beside the rows (or columns), so that the other factor isn't repeated for each
        r = torch.einsum("t...mn,...kn->t...mk", g, b) if i == 0 else torch.einsum("t...mn,...mk->t...kn", g, a)
        return sum_to(r, (a, b)[i].shape).reshape(g.shape[0], *inputs[i].shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


class Gemm(Bilinear):
    """α A B + β C with A and B (each transposed or not) activations and C constant or absent."""

    onnx = {"Gemm": 7}
    bias: Tensor | None

    def __init__(self, alpha: float, flip_a: bool, flip_b: bool, bias: Tensor | None) -> None:
        super().__init__()
        self.alpha, self.flips = alpha, (flip_a, flip_b)
        self.register_buffer("bias", bias)

    @classmethod
    def build(cls, node: OnnxNode) -> Gemm | None:
        if not two_values(node):
            return None
        c = node.constant(2)
        bias = None if c is None else node.attr("beta", 1.0) * c
        return cls(node.attr("alpha", 1.0), bool(node.attr("transA", 0)), bool(node.attr("transB", 0)), bias)

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        y = self.alpha * ((a.mT if self.flips[0] else a) @ (b.mT if self.flips[1] else b))
        return y if self.bias is None else y + self.bias

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        a, b = (x.mT if flip else x for x, flip in zip(inputs, self.flips, strict=True))
        r = self.alpha * (g @ b.mT if i == 0 else a.mT @ g)
        return r.mT if self.flips[i] else r

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and self.alpha >= 0 and (self.bias is None or bool((self.bias >= 0).all()))
