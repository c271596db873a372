"""Sums of several values; constant operands are a bias."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from .base import OnnxNode, Placed
from .kinds import Additive, one_for_all_rows
from .shapes import Place, Shape


class WeightedSum(Additive):
    """Σᵢ cᵢ xᵢ with the cᵢ of Add (1, 1), Sub (1, −1), Sum (1, …) or Mean (1/n, …), with broadcasting."""

    onnx = {"Add": 7, "Sub": 7, "Sum": 6, "Mean": 6}

    def __init__(self, op: str, constants: Sequence[Tensor | None], dynamic: Sequence[bool]) -> None:
        super().__init__(constants, dynamic)
        n = len(dynamic)
        self.op = op
        self.all_coefficients = {"Sub": (1.0, -1.0), "Mean": (1.0 / n,) * n}.get(op, (1.0,) * n)
        self.coefficients = tuple(self.all_coefficients[i] for i in self.slots)
        self.of_two = op in ("Add", "Sum") and len(self.slots) == 2 == n

    @classmethod
    def build(cls, node: OnnxNode) -> WeightedSum | None:
        return cls(node.op, node.constants, node.dynamic) if node.is_floating(0) else None

    def keeps_rows(self) -> bool:
        return one_for_all_rows(self)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return self.with_constants_at(place), [place.where(s) for s in shapes]

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        if self.op == "Sub":
            return args[0] - args[1]
        total = reduce(torch.add, args)
        return total / len(args) if self.op == "Mean" else total

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        constants = [self.all_coefficients[i] * getattr(self, f"constant_{i}") for i in self.constant_slots]
        terms = all(known and c > 0 for known, c in zip(inputs, self.coefficients, strict=True))
        return terms and all(bool((c >= 0).all()) for c in constants)
