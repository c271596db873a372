"""Einsum of two activations, any equation."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Bilinear
from ..shapes import sum_to
from .pointwise import two_values


@cache
def explicit(equation: str, ranks: tuple[int, ...]) -> tuple[tuple[str, ...], str, str]:
    """(labels of each operand, labels of the output, labels not used), with a letter for every axis of an ellipsis."""
    left, arrow, out = equation.replace(" ", "").partition("->")
    operands = left.split(",")
    named = left.replace(",", "").replace(".", "")
    free = [c for c in string.ascii_letters if c not in named]
    widths = [rank - len(t.replace("...", "")) if "..." in t else 0 for t, rank in zip(operands, ranks, strict=True)]
    dots = "".join(free[: max(widths)])
    if not arrow:
        out = ("..." if dots else "") + "".join(sorted(c for c in set(named) if named.count(c) == 1))
    labels = tuple(t.replace("...", dots[len(dots) - n :]) for t, n in zip(operands, widths, strict=True))
    return labels, out.replace("...", dots), "".join(free[len(dots) :])


class Einsum(Bilinear):
    """Σ over the labels that the output lacks; the adjoint for one operand is an einsum of g and the other operand."""

    onnx = {"Einsum": 12}

    def __init__(self, equation: str) -> None:
        super().__init__()
        self.equation = equation

    @classmethod
    def build(cls, node: OnnxNode) -> Einsum | None:
        return cls(node.attr("equation")) if two_values(node) else None

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        (la, lb), out, _ = explicit(self.equation, (a.dim(), b.dim()))
        return torch.einsum(f"{la},{lb}->{out}", a, b)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        labels, out, free = explicit(self.equation, tuple(x.dim() for x in inputs))
        x, other = inputs[i], inputs[1 - i]
        mine, theirs = labels[i], labels[1 - i]
        t, spare = free[0], iter(free[1:])
        known = [c for c in dict.fromkeys(mine) if c in out or c in theirs]
        terms, operands = [t + out, theirs], [g, other]
        result = t
        for axis, c in enumerate(mine):
            if c not in known:  # summed over in this operand alone: every element has the same share
                terms.append(c)
                operands.append(x.new_ones(x.shape[axis]))
                known.append(c)
            if c in result:  # a diagonal: nothing beside it has a share
                off = next(spare)
                terms.append(c + off)
                operands.append(torch.eye(x.shape[axis], dtype=x.dtype, device=x.device))
                c = off
            result += c
        return sum_to(torch.einsum(f"{','.join(terms)}->{result}", *operands), x.shape)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)
