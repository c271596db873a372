"""Products of the elements of one value: ReduceProd and CumProd.

With b_k = x_1 … x_(k−1), what lies before x_k, and x̃ = (x + x̄)/2, the product rule applied from the first factor to
the last gives, exactly, Δ(x_1 … x_n) = Σ_k (b_k + b̄_k)/2 · Δx_k · x̃_(k+1) … x̃_n. At x̄ = x it is the gradient.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..base import OnnxNode, Pulled
from ..kinds import Product
from ..parameters import Ints
from ..settling import Settling
from ..shapes import lift, positive_axis


def before(x: Tensor, axis: int = -1) -> Tensor:
    """The product of all elements before each one."""
    n = x.shape[axis]
    first = x.new_ones(()).expand(x.narrow(axis, 0, min(n, 1)).shape)
    return torch.cat([first, x.narrow(axis, 0, max(n - 1, 0)).cumprod(axis)], axis)


def after(x: Tensor, axis: int = -1) -> Tensor:
    """The product of all elements after each one."""
    return before(x.flip(axis), axis).flip(axis)


class ReduceProd(Product):
    """y = Π x over `axes` (None: all of them)."""

    onnx = {"ReduceProd": 1}
    entrywise = False

    def __init__(self, axes: Sequence[int] | None, keepdims: bool = True) -> None:
        super().__init__()
        self.axes, self.keepdims = axes, keepdims

    @classmethod
    def build(cls, node: OnnxNode) -> ReduceProd | None:
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        axes = node.ints("axes", 1, [])
        everything = not axes and not node.attr("noop_with_empty_axes", 0)
        return cls(None if everything else axes, bool(node.attr("keepdims", 1)))

    def ordered(self, x: Tensor) -> tuple[list[int], int]:
        """(the axes of x, those reduced last; how many stay)."""
        rank = x.dim()
        reduced = range(rank) if self.axes is None else sorted({positive_axis(a, rank) for a in self.axes})
        kept = [a for a in range(rank) if a not in reduced]
        return [*kept, *reduced], len(kept)

    def rows(self, x: Tensor) -> Tensor:
        """x with the reduced axes as one, the last."""
        order, n = self.ordered(x)
        turned = x.permute(order)
        return turned.flatten(n) if n < x.dim() else turned.unsqueeze(-1)

    def forward(self, x: Tensor) -> Tensor:
        order, n = self.ordered(x)
        y = self.rows(x).prod(-1)
        if not self.keepdims:
            return y
        return y.reshape([m if a in order[:n] else 1 for a, m in enumerate(x.shape)])

    def pull(self, g: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        order, _ = self.ordered(x)
        rows, rows0 = self.rows(x), self.rows(x0)
        local = (before(rows) + before(rows0)) / 2 * after((rows + rows0) / 2)
        pulled = g.reshape(g.shape[0], *rows.shape[:-1], 1) * local
        back = [1 + order.index(a) for a in range(x.dim())]
        return pulled.reshape(g.shape[0], *(x.shape[a] for a in order)).permute(0, *back)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        return self.pull(g, inputs[0], inputs[0])

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        return (self.pull(g, inputs[0], inputs0[0]),)

    def count(self, inputs: Sequence[Tensor]) -> int:
        return max(self.rows(inputs[0]).shape[-1], 1)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class DynamicReduceProd(Settling, Product):
    """ReduceProd over axes that are computed at run time."""

    onnx = {"ReduceProd": 18}
    keeps_sign = True
    entrywise = False


class CumProd(Product):
    """y_k = x_1 … x_k along an axis (to x_(k−1) if exclusive; from the other end if reversed)."""

    onnx = {"CumProd": 26}
    entrywise = False

    def __init__(self, axis: int, exclusive: bool = False, reverse: bool = False) -> None:
        super().__init__()
        self.axis, self.exclusive, self.reverse = axis, exclusive, reverse

    @classmethod
    def build(cls, node: OnnxNode) -> CumProd | None:
        axis = Ints(node, "axis", 1)
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        return cls(axis.constant[0], bool(node.attr("exclusive", 0)), bool(node.attr("reverse", 0)))

    def turned(self, v: Tensor, axis: int) -> Tensor:
        """v from the end that the product starts at."""
        return v.flip(axis) if self.reverse else v

    def forward(self, x: Tensor) -> Tensor:
        axis = positive_axis(self.axis, x.dim())
        x = self.turned(x, axis)
        return self.turned(before(x, axis) if self.exclusive else x.cumprod(axis), axis)

    def pull(self, g: Tensor, x: Tensor, x0: Tensor) -> Tensor:
        """h_k = g_k + x̃_(k+1) h_(k+1), what reaches the product that ends with x_k, times what lies before x_k."""
        axis, above = positive_axis(self.axis, x.dim()), lift(self.axis, x.dim())
        n = x.shape[axis]
        if not n:
            return g
        x, x0, g = self.turned(x, axis), self.turned(x0, axis), self.turned(g, above)
        arriving = list(g.unbind(above))
        if self.exclusive:
            arriving = [*arriving[1:], torch.zeros_like(arriving[0])]
        middle = ((x + x0) / 2).unbind(axis)
        reach = arriving[-1]
        reached = [reach]
        for k in range(n - 2, -1, -1):
            reach = arriving[k] + middle[k + 1] * reach
            reached.append(reach)
        local = (before(x, axis) + before(x0, axis)) / 2
        return self.turned(torch.stack(reached[::-1], above) * local, above)

    def partial(self, g: Tensor, inputs: Sequence[Tensor], i: int) -> Tensor:
        return self.pull(g, inputs[0], inputs[0])

    def symmetric(self, g: Tensor, inputs: Sequence[Tensor], inputs0: Sequence[Tensor]) -> Pulled:
        return (self.pull(g, inputs[0], inputs0[0]),)

    def count(self, inputs: Sequence[Tensor]) -> Tensor:
        (x,) = inputs
        axis = positive_axis(self.axis, x.dim())
        k = torch.arange(x.shape[axis], dtype=x.dtype, device=x.device) + (0 if self.exclusive else 1)
        return self.turned(k.clamp(min=1), 0).reshape(-1, *(1,) * (x.dim() - 1 - axis))

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return inputs[0]


class DynamicCumProd(Settling, Product):
    """CumProd along an axis that is computed at run time."""

    onnx = {"CumProd": 26}
    keeps_sign = True
    entrywise = False
