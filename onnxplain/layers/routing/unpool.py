"""MaxUnpool: values put back where a max-pooling took them from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints
from .moving import Moving


class MaxUnpool(Moving):
    """0 but for x at the places that `indices` counts over the unpooled value; of several for one place the last stays.

    An output larger than what pooling of this shape has been taken from is zero beyond it.
    """

    onnx = {"MaxUnpool": 9}

    def __init__(self, node: OnnxNode) -> None:
        shape = Ints(node, "output_shape", 2)
        super().__init__(node, shape)
        kernel = node.ints("kernel_shape")
        self.shape, self.kernel = shape, kernel
        self.strides = node.ints("strides", default=[1] * len(kernel))
        self.pads = node.ints("pads", default=[0] * 2 * len(kernel))

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        return node.is_floating(0)

    def inner(self, x: Tensor) -> list[int]:
        """The shape that the indices count in."""
        n = len(self.kernel)
        sizes = [
            (m - 1) * s - self.pads[a] - self.pads[n + a] + k
            for a, (m, s, k) in enumerate(zip(x.shape[2:], self.strides, self.kernel, strict=True))
        ]
        return [*x.shape[:2], *sizes]

    def outer(self, inner: Sequence[int], args: Sequence[Any]) -> list[int]:
        """Margins, in the order of torch's `pad`, from the inner shape to the output's."""
        wanted = self.shape.of(args) or inner
        return [m for a in reversed(range(len(inner))) for m in (0, wanted[a] - inner[a])]

    def owner(self, index: Tensor, n: int) -> Tensor:
        """Which element of x stands at each place; x's size where none does."""
        at = index.reshape(-1)
        k = torch.arange(1, len(at) + 1, device=at.device)
        last = k.new_zeros(n).scatter_reduce(0, at, k, "amax")
        return torch.where(last == 0, len(at), last - 1)

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, inner = args[0], self.inner(args[0])
        flat = torch.cat([x.reshape(-1), x.new_zeros(1)])
        y = flat[self.owner(args[1], math.prod(inner))].reshape(inner)
        return torch.nn.functional.pad(y, self.outer(inner, args))

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, inner = args[0], self.inner(args[0])
        r = torch.nn.functional.pad(g, [-m for m in self.outer(inner, args)]).reshape(g.shape[0], -1)
        back = g.new_zeros((g.shape[0], x.numel() + 1)).index_add(1, self.owner(args[1], r.shape[1]), r)
        return back[:, :-1].reshape(g.shape[0], *x.shape)
