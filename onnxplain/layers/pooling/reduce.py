"""ReduceMax, ReduceMin and GlobalMaxPool: the extreme element over whole axes."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..shapes import zeros_for
from .reducing import Reducing, columns

#: operator → the extreme over axes, it and its place on one axis (first of ties), and the extreme of nothing
_EXTREMES: dict[str, tuple[Callable[..., Tensor], Callable[..., tuple[Tensor, Tensor]], float]] = {
    "ReduceMax": (torch.amax, torch.max, -math.inf),
    "ReduceMin": (torch.amin, torch.min, math.inf),
    "GlobalMaxPool": (torch.amax, torch.max, -math.inf),
}
#: (least, largest) number of each type without an infinite one
LIMITS = {t: (torch.iinfo(t).min, torch.iinfo(t).max) for t in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)} | {
    torch.bool: (False, True)
}


class ReduceExtreme(Reducing):
    """The largest (smallest) element over some axes; an index counts over those axes flattened."""

    onnx = {"ReduceMax": 1, "ReduceMin": 1, "GlobalMaxPool": 1}

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.extreme, self.place_of, self.of_nothing = _EXTREMES[node.op]

    def forward(self, *inputs: Tensor) -> Tensor:
        args = self.full(inputs)
        x, axes = args[0], self.reduced(args)
        if any(x.shape[a] == 0 for a in axes):
            nothing = self.of_nothing if x.is_floating_point() else LIMITS[x.dtype][self.extreme is torch.amin]
            return x.new_full(self.result_shape(x, axes), nothing)
        return self.extreme(x, axes, self.keep) if axes else x

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        args = self.full(inputs)
        axes = self.reduced(args)
        return self.place_of(columns(args[0], axes), -1)[1].reshape(self.result_shape(args[0], axes))

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        args = self.full(inputs)
        table = columns(args[0], self.reduced(args))
        return table.gather(-1, index.reshape(*table.shape[:-1], 1)).reshape(index.shape)

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        x, axes = args[0], self.reduced(args)
        if len(axes) == 1:
            one, shape = axes[0], list(x.shape)
            shape[one] = 1
            places = index.reshape(shape).expand(r.shape[0], *shape)
            return zeros_for(r, x).scatter_(1 + one, places, r.reshape(r.shape[0], *shape))
        order = [a for a in range(x.dim()) if a not in axes] + axes
        kept = [x.shape[a] for a in order[: x.dim() - len(axes)]]
        zeros = r.new_zeros((r.shape[0], *kept, math.prod(x.shape[a] for a in axes)))
        put = zeros.scatter_(-1, index.reshape(*kept, 1).expand(r.shape[0], *kept, 1), r.reshape(-1, *kept, 1))
        back = sorted(range(x.dim()), key=lambda i: order[i])
        return put.reshape(r.shape[0], *(x.shape[a] for a in order)).permute(0, *(1 + i for i in back))
