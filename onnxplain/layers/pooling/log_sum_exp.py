"""ReduceLogSumExp: a maximum, softened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .reducing import Reducing, widened


class LogSumExp(Reducing):
    """log Σ eˣ = max over shares s of Σ s x − Σ s log s: its winners are the shares that reach it, softmax(x).

    Like a maximum it is convex, so that the difference between two inputs lies between what the winners of the one and
    of the other make of it: pooling's rules hold as they are, with relevance shared among all elements by softmax(x).
    """

    onnx = {"ReduceLogSumExp": 1}

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        axes = self.reduced(args)
        return torch.logsumexp(args[0], axes, self.keep) if axes else args[0]

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        """The shares, in x's shape."""
        args = self.full(inputs)
        axes = self.reduced(args)
        x = args[0]
        return (x - torch.logsumexp(x, axes, True)).exp() if axes else torch.ones_like(x)

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        args = self.full(inputs)
        x, axes = args[0], self.reduced(args)
        if not axes:
            return x
        terms = torch.where(index > 0, index * x, 0.0) - torch.xlogy(index, index)  # x may be a mask of −∞
        return terms.sum(axes, keepdim=self.keep)

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        return widened(r, args[0], self.reduced(args)) * index
