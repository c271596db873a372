"""A floor's matrix products alone: no method that makes the same ones takes less."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from .clock import Call

aten = torch.ops.aten
PRODUCTS = {aten.mm.default, aten.addmm.default, aten.bmm.default, aten.baddbmm.default}
#: kernels with products of their own, which cannot be told from the rest
OTHERS = {
    *(aten.convolution.default, aten.convolution_backward.default),
    *(aten.mkldnn_rnn_layer.default, aten.mkldnn_rnn_layer_backward.default),
}
#: so many of these per product are left out of the count, such as the one that cuts an image into patches
FEW = 0.1


def products(call: Call, weights: Iterable[Tensor]) -> Call | None:
    """`call`'s matrix products, on tensors that lie as theirs did; None where other kernels make more than a few of them."""
    with Recorded(weights) as seen:
        call()
    return partial(_again, seen.calls) if len(seen.others) <= FEW * len(seen.calls) else None


class Recorded(TorchDispatchMode):
    """What runs within it: its products with operands of the same shapes and strides. Every weight is the very weight; of other
    operands one of each layout is kept."""

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()
        self.weights = {w.untyped_storage().data_ptr() for w in weights}
        self.kept: dict[Any, Tensor] = {}
        self.calls: list[Call] = []
        self.others: list[Any] = []

    def __torch_dispatch__(self, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if op in PRODUCTS:
            self.calls.append(partial(op, *[self.operand(i, x) for i, x in enumerate(args)], **(kwargs or {})))
        elif op in OTHERS:
            self.others.append(op)
        return op(*args, **(kwargs or {}))

    def operand(self, position: int, x: Tensor) -> Tensor:
        x = x.detach()
        if x.untyped_storage().data_ptr() in self.weights:
            return x
        return self.kept.setdefault((position, x.shape, x.stride(), x.dtype), x)


@torch.inference_mode()
def _again(calls: Sequence[Callable[[], object]]) -> None:
    for call in calls:
        call()
