"""What quantisation and a batch normalisation behind it do to whole sums, the normalisation's shift put into the sums."""

from __future__ import annotations

import torch
from torch import Tensor

from ..affine.batch_norm import BatchNorm
from ..affine.window import per_channel
from ..elementwise.slopes import quotient
from ..kinds import Elementwise
from .fake_quantize import FakeQuantize


class RoundedNorm(Elementwise):
    """y = a ⊙ r(σ u − o) + c along axis 1, r a rounding and σ = sgn a: near to |a| r′ u where o = c / (a r′).

    So the sums u hold the normalisation's sign and shift, as those of a layer that it was merged into would.
    """

    adjoint_reads = frozenset({"inputs"})
    rounds = True
    offset: Tensor
    sign: Tensor

    def __init__(self, rounding: FakeQuantize, norm: BatchNorm, offset: Tensor) -> None:
        super().__init__()
        self.inner, self.norm = rounding, norm
        self.register_buffer("offset", offset)
        self.register_buffer("sign", torch.copysign(torch.ones_like(norm.a), norm.a))

    def sums(self, u: Tensor) -> Tensor:
        """What was summed before the offset."""
        return u * per_channel(self.sign, u.dim()) - per_channel(self.offset, u.dim())

    def forward(self, x: Tensor) -> Tensor:
        return self.norm.forward(self.inner.forward(self.sums(x)))

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        z = self.sums(x)
        return self.inner.derivative(z, y) * per_channel(self.norm.a.abs(), x.dim())

    def slope(self, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
        return quotient(y - y0, x - x0, self.derivative(x, y))

    def gain(self, x: Tensor) -> Tensor:
        return self.inner.gain(x) * per_channel(self.norm.a.abs(), x.dim())

    def rounding(self, x: Tensor, y: Tensor) -> Tensor:
        """What rounding alone added to y."""
        z = self.sums(x)
        return self.inner.rounding(z, self.inner.forward(z)) * per_channel(self.norm.a, x.dim())
