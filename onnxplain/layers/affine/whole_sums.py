"""Convolutions and matrix products of a value that was rounded to whole numbers of a step measured on it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ..kinds import Affine
from .conv import Conv
from .linear import Linear
from .merging import along, shifted
from .window import per_channel


class WholeSums(Affine):
    """y = (W ∗ n) · S · a + b of x = n s, n and W whole numbers, s and S computed at run time: no sum is rounded.

    Rules see, by `settle`, what it is in x: a layer over the weights W a S / s, where S / s is the weights' own scale.
    `a`, of a convolution, is one number per channel.
    """

    adjoint_reads = frozenset({"inputs"})
    a: Tensor | None
    b: Tensor | None

    def __init__(self, inner: Conv | Linear, bias: Tensor | None = None, factor: Tensor | None = None) -> None:
        super().__init__()
        self.inner = inner
        self.family = inner.family  # type: ignore[misc]
        self.register_buffer("b", bias)
        self.register_buffer("a", factor)

    def forward(self, x: Tensor, step: Tensor, scale: Tensor) -> Tensor:
        y = self.inner.forward((x / step).round()) * scale
        y = y if self.a is None else y * per_channel(self.a, y.dim())
        return y if self.b is None else y + self.b

    def settle(self, inputs: Sequence[Tensor]) -> Conv | Linear:
        _, step, scale = inputs
        inner = self.inner
        own = (scale / step).reshape(-1)
        if isinstance(inner, Linear):
            w, n = inner.w * own, inner.w.shape[-1]
        else:
            w, n = inner.w * along((own if self.a is None else own * self.a), 0, inner.w), inner.w.shape[0]
        return inner.with_weight_bias(w, None if self.b is None else self.b.reshape(-1).expand(n))

    def carries(self, i: int) -> bool:
        return i == 0

    def with_bias(self, c: Tensor) -> WholeSums | None:
        """self(x) + c, where c is one number, or one per output channel or feature."""
        return WholeSums(self.inner, shifted(self.b, c), self.a) if per_output(c, self.inner) else None

    def scaled_after(self, scale: Tensor, shift: Tensor) -> WholeSums:
        """scale ⊙ self(x) + shift per channel of a convolution."""
        rank = self.inner.w.dim()
        moved = per_channel(shift, rank) + (0.0 if self.b is None else self.b * per_channel(scale, rank))
        return WholeSums(self.inner, moved, scale if self.a is None else self.a * scale)


def per_output(c: Tensor, layer: Conv | Linear) -> bool:
    """Whether a constant beside y is one number, or one per output channel or feature."""
    n, behind = (layer.w.shape[0], layer.w.dim() - 2) if isinstance(layer, Conv) else (layer.w.shape[-1], 0)
    return c.numel() == 1 or (c.numel() == n and c.dim() > behind and c.shape[-1 - behind] == n)
