"""Selections on one axis or two: Compress, ReverseSequence, Trilu, OneHot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints
from ..shapes import lift, positive_axis, zeros_for
from .indices import wrapped
from .moving import Moving


class Compress(Moving):
    """The slices of x on `axis` (of x flattened, where there is none) at which the condition holds."""

    onnx = {"Compress": 9}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.axis = node.attr("axis")

    def forward(self, *inputs: Tensor) -> Tensor:
        x, condition = self.full(inputs)
        kept = condition.nonzero().reshape(-1)
        return x.reshape(-1).index_select(0, kept) if self.axis is None else x.index_select(self.axis, kept)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        x, condition = args
        kept = condition.nonzero().reshape(-1)
        if self.axis is not None:
            return zeros_for(g, x).index_add(lift(self.axis, x.dim()), kept, g)
        return zeros_for(g, x).reshape(g.shape[0], -1).index_add(1, kept, g).reshape(g.shape[0], *x.shape)


class ReverseSequence(Moving):
    """The first `lengths[b]` elements on the time axis of each batch entry b in reverse order: its own transpose."""

    onnx = {"ReverseSequence": 10}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.batch, self.time = int(node.attr("batch_axis", 1)), int(node.attr("time_axis", 0))

    def forward(self, *inputs: Tensor) -> Tensor:
        x, lengths = self.full(inputs)
        return self.reverse(x[None], lengths)[0]

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return self.reverse(g, args[1])

    def reverse(self, x: Tensor, lengths: Tensor) -> Tensor:
        """x with a leading axis in front of the operator's own."""
        batch, time = 1 + self.batch, 1 + self.time
        step = torch.arange(x.shape[time], device=x.device)
        source = torch.where(step < lengths[:, None], lengths[:, None] - 1 - step, step)  # (batch, time)
        if time < batch:
            source = source.T
        shape = [x.shape[a] if a in (batch, time) else 1 for a in range(x.dim())]
        return x.gather(time, source.reshape(shape).expand(x.shape))


class Trilu(Moving):
    """The upper or lower triangle of the last two axes, zeros elsewhere: its own transpose."""

    onnx = {"Trilu": 14, "com.microsoft:Trilu": 1}

    def __init__(self, node: OnnxNode) -> None:
        k = Ints(node, "k", 1, [0])
        super().__init__(node, k)
        self.k, self.upper = k, bool(node.attr("upper", 1))

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        return self.triangle(args[0], args)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return self.triangle(g, args)

    def triangle(self, x: Tensor, args: Sequence[Any]) -> Tensor:
        (k,) = self.k.of(args)
        return x.triu(k) if self.upper else x.tril(k)


class OneHot(Moving):
    """on at each index along a new axis, off elsewhere; indices outside [−depth, depth) leave all of it off."""

    onnx = {"OneHot": 9}
    data = (2,)

    def __init__(self, node: OnnxNode) -> None:
        depth = Ints(node, "depth", 1)
        super().__init__(node, depth)
        self.depth, self.axis = depth, int(node.attr("axis", -1))

    def hot(self, args: Sequence[Any]) -> Tensor:
        index, depth = args[0], int(self.depth.of(args)[0])  # any numeric type holds it
        a = positive_axis(self.axis, index.dim() + 1)
        place = torch.arange(depth, device=index.device).reshape(-1, *[1] * (index.dim() - a))
        return wrapped(index, depth).unsqueeze(a) == place

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        off, on = args[2].unbind()
        return torch.where(self.hot(args), on, off)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        hot = self.hot(args)
        on, off = torch.where(hot, g, 0.0).flatten(1).sum(1), torch.where(hot, 0.0, g).flatten(1).sum(1)
        return torch.stack([off, on], 1)
