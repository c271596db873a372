"""TopK: the k largest or smallest elements along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from ..base import OnnxNode
from ..parameters import Ints, unread
from ..shapes import lift, zeros_for
from .single import Single


class TopK(Single):
    """(values, indices), best first, the lower index first of ties. Each of the k results has the whole axis as its
    window: sharing its relevance shares it over all of the axis."""

    onnx = {"TopK": 1}
    ranked = True

    def __init__(self, node: OnnxNode) -> None:
        k = Ints(node, "k", 1)
        super().__init__(*unread(node, (k,)))
        self.k, self.axis, self.largest = k, int(node.attr("axis", -1)), bool(node.attr("largest", 1))

    @classmethod
    def build(cls, node: OnnxNode) -> TopK | None:
        return cls(node) if node.is_floating(0) else None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, Tensor]:
        args = self.full(inputs)
        (k,) = self.k.of(args)
        # topk itself does not promise an order among ties
        values, index = args[0].sort(dim=self.axis, descending=self.largest, stable=True)
        return values.narrow(self.axis, 0, k), index.narrow(self.axis, 0, k)

    def winners(self, inputs: Sequence[Tensor]) -> Tensor:
        return self.forward(*inputs)[1]

    def pick(self, inputs: Sequence[Tensor], index: Tensor) -> Tensor:
        return self.full(inputs)[0].gather(self.axis, index)

    def put(self, r: Tensor, index: Tensor, args: Sequence[Any]) -> Tensor:
        x = args[0]
        return zeros_for(r, x).scatter_add(lift(self.axis, x.dim()), index.expand(r.shape), r)

    def window_sum(self, inputs: Sequence[Tensor]) -> Tensor:
        args = self.full(inputs)
        x, (k,) = args[0], self.k.of(args)
        shape = list(x.shape)
        shape[self.axis] = k
        return x.sum(self.axis, keepdim=True).expand(shape)

    def spread(self, r: Tensor, args: Sequence[Any]) -> Tensor:
        x = args[0]
        return r.sum(lift(self.axis, x.dim()), keepdim=True).expand(r.shape[0], *x.shape)
