"""TensorScatter: new entries written into a cache of keys or values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..shapes import lift, positive_axis
from .moving import Moving


class TensorScatter(Moving):
    """The cache, with `update` written on `axis` from place `write_indices[n]` of sample n on, round and round where
    the mode is "circular"."""

    onnx = {"TensorScatter": 24}
    data = (0, 1)

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis, self.circular = int(node.attr("axis", -2)), node.attr("mode", "linear") == "circular"

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        return node.attr("mode", "linear") in ("linear", "circular")

    def places(self, args: Sequence[Any]) -> Tensor:
        """Where each element of the update goes on the axis, in the update's shape."""
        cache, update = args[0], args[1]
        a = positive_axis(self.axis, cache.dim())
        step = torch.arange(update.shape[a], device=cache.device)
        first = args[2] if len(args) > 2 and args[2] is not None else step.new_zeros(cache.shape[0])
        at = first.to(torch.int64)[:, None] + step
        at = at.remainder(cache.shape[a]) if self.circular else at
        return at.reshape([n if b in (0, a) else 1 for b, n in enumerate(update.shape)]).expand(update.shape)

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        return args[0].scatter(self.axis, self.places(args), args[1])

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        a, at = lift(self.axis, args[0].dim()), self.places(args)
        at = at.expand(g.shape[0], *at.shape)
        return g.scatter(a, at, 0.0) if i == 0 else g.gather(a, at)
