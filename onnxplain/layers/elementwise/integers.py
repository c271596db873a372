"""Arithmetic on integers: the same operators, computed without rounding and carrying no relevance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Integer


def _clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    return x if low is None and high is None else torch.clamp(x, low, high)


def _prelu(x: Tensor, slope: Tensor) -> Tensor:
    return torch.where(x > 0, x, slope * x)


FUNCTIONS: dict[str, Callable[..., Tensor]] = {
    "Abs": torch.abs,
    "Neg": torch.neg,
    "Sign": torch.sign,
    "Relu": lambda x: x.clamp(min=0),
    "Clip": _clip,
    "PRelu": _prelu,
    "Add": torch.add,
    "Sub": torch.sub,
    "Mul": torch.mul,
    "Div": lambda a, b: torch.div(a, b, rounding_mode="trunc"),
    "Pow": lambda a, b: torch.pow(a, b).to(a.dtype),
    "MatMul": torch.matmul,
}


class IntegerArithmetic(Integer):
    """f(a, b, …) on integers; any of the operands may be constant. Division truncates, as in C."""

    onnx = {**dict.fromkeys(FUNCTIONS, 6), "Mod": 10}

    def __init__(self, f: Callable[..., Tensor], constants: Sequence[Tensor | None], dynamic: Sequence[bool]) -> None:
        super().__init__(constants, dynamic)
        self.f = f

    @classmethod
    def build(cls, node: OnnxNode) -> IntegerArithmetic | None:
        if node.is_floating(0):
            return None
        f = FUNCTIONS.get(node.op) or (torch.fmod if node.attr("fmod", 0) else torch.remainder)
        return cls(f, node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> Any:
        return self.f(*self.full(inputs))
