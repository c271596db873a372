"""Matrix product with a constant matrix: Gemm and MatMul."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Literal

import torch
from torch import Tensor

from ..base import OnnxNode, Placed
from ..kept import kept
from ..kinds import Affine, Part
from ..shapes import Place, Shape, sum_to
from .merging import along, nothing_below_zero, shifted, weights_of

#: numbers of rows for which W xᵀ takes up to a third less than x Wᵀ, W being (out, in) and at least this large: the time is that
#: of reading W
FEW_ROWS, LARGE = (12, 48), 2**19


class Linear(Affine):
    """y = x W + b, or y = W x + b for `side="left"`; x is first transposed (its last two axes) if `flip`.

    W may have one axis (a vector, as in numpy's matmul), two, or batch axes in front. The bias broadcasts against y
    without making it larger.
    """

    onnx = {"Gemm": 1, "MatMul": 1}
    makes_anew = True
    family = "dense"
    w: Tensor
    b: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None = None,
        side: Literal["right", "left"] = "right",
        flip: bool = False,
    ) -> None:
        super().__init__()
        self.side = side
        self.flip = flip
        self.vector = weight.dim() == 1
        if self.vector:
            weight = weight[:, None] if side == "right" else weight[None]
        self.register_buffer("w", weight)
        self.register_buffer("b", bias)
        # F.linear takes a bias of one number per feature
        self.plain = side == "right" and weight.dim() == 2 and not self.vector and not flip
        self.fused = self.plain and (bias is None or bias.shape == weight.shape[1:])
        everywhere = bias is None or bias.numel() == 1 or bias.numel() == bias.shape[-1]
        self.picks = weight.shape[1] if self.plain and everywhere else 0
        self.turns = self.fused and weight.numel() >= LARGE and weight.mT.is_contiguous()

    @classmethod
    def build(cls, node: OnnxNode) -> Linear | None:
        if node.only_dynamic(0) and (w := node.constant(1)) is not None:
            side: Literal["right", "left"] = "right"
            constant_flip, flip = "transB", "transA"
        elif node.only_dynamic(1) and (w := node.constant(0)) is not None:
            side, constant_flip, flip = "left", "transA", "transB"
        else:
            return None
        if not w.is_floating_point():
            return None
        if node.op == "MatMul":
            return cls(w, None, side)
        w = w.mT if node.attr(constant_flip, 0) else w
        alpha, beta, c = node.attr("alpha", 1.0), node.attr("beta", 1.0), node.constant(2)
        if c is not None:
            c = beta * c if beta != 1 else c
            # a row of biases, or one number: the shape that F.linear takes
            if side == "right" and (c.numel() == 1 or c.numel() == c.shape[-1] == w.shape[1]):
                c = c.reshape(-1).expand(w.shape[1]).contiguous()
        return cls(w if alpha == 1 else alpha * w, c, side, bool(node.attr(flip, 0)))

    @property
    def weight(self) -> Tensor:
        """W as it was given (a vector if it was one)."""
        return self.w if not self.vector else self.w.squeeze(-1 if self.side == "right" else -2)

    def with_weight_bias(self, weight: Tensor, bias: Tensor | None) -> Linear:
        """The same product with other numbers."""
        return Linear(weight, bias, self.side, self.flip)

    def with_bias(self, bias: Tensor) -> Linear:
        """self(x) + bias."""
        return self.with_weight_bias(self.weight, shifted(self.b, bias))

    def scaled_after(self, scale: Tensor, shift: Tensor) -> Linear:
        """scale ⊙ self(x) + shift along the last axis of y, as one product; for a constant on the right."""
        a, dtype = scale.double(), self.w.dtype
        b = shift.double() if self.b is None else self.b.double() * a + shift.double()
        return self.with_weight_bias((self.w.double() * a).to(dtype), b.to(dtype))

    def scaled_before(self, scale: Tensor, shift: Tensor) -> Linear:
        """self(scale ⊙ x + shift) along the last axis of x, as one product; for a constant on the right."""
        w, dtype = self.w.double(), self.w.dtype
        b = shifted(None if self.b is None else self.b.double(), shift.double() @ w)
        return self.with_weight_bias((w * along(scale.double(), w.dim() - 2, w)).to(dtype), b.to(dtype))

    def keeps_rows(self) -> bool:
        return self.plain and (self.b is None or self.b.dim() <= 1)

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return (self, [place]) if place.axis < -1 and self.keeps_rows() and len(shapes[0]) > 1 else None

    def forward(self, x: Tensor) -> Tensor:
        if self.fused:
            b = self.b
            if self.turns and x.is_cpu and FEW_ROWS[0] <= x.numel() // x.shape[-1] <= FEW_ROWS[1] and not x.requires_grad:
                return self._of_few(x)
            if b is not None and x.dim() == 2:
                return torch.addmm(b, x, self.w)
            return torch.nn.functional.linear(_as_one(x), self.w.mT, b)
        y = self._product(x, self.w)
        return y if self.b is None else y + self.b

    def _of_few(self, x: Tensor) -> Tensor:
        turned = (self.w.mT @ x.reshape(-1, x.shape[-1]).mT).mT
        made = x.new_empty((*x.shape[:-1], self.w.shape[1]))
        rows = made.view(turned.shape)
        if self.b is None:
            rows.copy_(turned)
        else:
            torch.add(turned, self.b, out=rows)
        return made

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        return self._product(x, weights_of(self.w, part))

    def _product(self, x: Tensor, w: Tensor) -> Tensor:
        if self.flip:
            x = x.mT
        if self.side == "right":
            y = (_as_one(x) if w.dim() == 2 else x) @ w
            return y.squeeze(-1) if self.vector else y
        y = w @ x
        return y.squeeze(-2 if x.dim() > 1 else -1) if self.vector else y

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        w = weights_of(self.w, part)
        if self.plain:
            return torch.nn.functional.linear(_as_one(r), w)
        w = w.mT
        shape = like.mT.shape if self.flip else like.shape
        if self.side == "right":
            r = r[..., None] if self.vector else r
            g = (r[..., None, :] @ w)[..., 0, :] if len(shape) == 1 else r @ w
        else:
            if self.vector:
                r = r[..., None, :] if len(shape) > 1 else r[..., None]
            g = (w @ r[..., None])[..., 0] if len(shape) == 1 else w @ r
        g = sum_to(g, shape)
        return g.mT if self.flip else g

    def picked(self, units: Tensor | int, like: Tensor) -> Tensor:
        if isinstance(units, int):
            return self.w.select(-1, units)
        if like.dim() == 2:
            return self.w.mT[units]
        rows = self.w.mT[units % self.picks]
        positions = prod(like.shape[1:-1])
        made = rows.new_zeros((*units.shape, positions, rows.shape[-1]))
        at = (units // self.picks)[..., None, None].expand(*units.shape, 1, rows.shape[-1])
        return made.scatter_(-2, at, rows[..., None, :]).reshape(*units.shape, *like.shape[1:])

    def at_units(self, x: Tensor, units: Tensor) -> Tensor:
        w = self.w.mT[units % self.picks]
        if x.dim() == 2:
            y = x @ w.mT
        else:
            y = (x.flatten(1, -2)[:, units // self.picks] * w).sum(-1)
        return y if self.b is None else y.add_(self.b.reshape(-1).expand(self.picks)[units % self.picks])

    def pulling(self) -> Callable[[Tensor, Tensor], Tensor]:
        if not self.plain:
            return self.transpose
        w = self.w.mT
        return lambda r, like: torch.matmul(_as_one(r), w)

    def bias(self, like: Tensor) -> Tensor | None:
        return self.b

    def reweighted(self, change: Callable[[Tensor], Tensor], bias: Tensor) -> Linear | None:
        if not self.plain or bias.numel() not in (1, self.w.shape[-1]):
            return None
        w = kept(self.w, change)
        return self.with_weight_bias(w, bias.reshape(-1).expand(w.shape[-1]) if bias.numel() == 1 else bias.reshape(-1))

    @property
    def weight_axes(self) -> tuple[int, int, int] | None:
        return (0, 1, -1) if self.plain else None

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs) and nothing_below_zero(self.w, self.b)


def _as_one(x: Tensor) -> Tensor:
    """x with rows that lie as those of one matrix: torch makes one product for each slice of others, and a copy of W for each."""
    return x if x.dim() == 2 else x.contiguous()
