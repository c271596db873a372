"""DeepLIFT's reveal-cancel rule on an activation and the affine layers before it; rescale elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.block import Block
from ..layers.kinds import Elementwise
from ..layers.shapes import sum_to
from .base import INPUTS_AND_OUTPUTS, Hot, Prepared, Relevances, Rule, Sends, Single, Site, only
from .deeplift import Rescale
from .temporaries import times_over

#: units in the last place within which Δ⁺ and Δ⁻, found as half the sum and difference of Σ|contributions| and Δz, are 0
ROUNDING = 32
#: (g, x, 0) → g where x > 0, else 0: many times as fast as comparing and multiplying
_above_zero = torch.ops.aten.threshold_backward.default


@dataclass(frozen=True)
class RevealCancel(Rule):
    """m⁺ = Δy⁺/Δz⁺ for positive contributions to z, m⁻ = Δy⁻/Δz⁻ for negative ones, on y = f(z):

    Δy⁺ = ½[f(z̄ + Δ⁺) − f(z̄)] + ½[f(z) − f(z̄ + Δ⁻)], Δy⁻ with signs exchanged: the Shapley values of the two sums.
    Both quotients are means of slopes of f, and 0 where there are no contributions of that sign. An input that does
    not differ gets ½(m⁺ + m⁻). On every other kind `Rescale`. Shrikumar et al. 2017, section 3.5.2.
    """

    rescale: Rescale = field(default_factory=Rescale)
    kinds: ClassVar[tuple[type[Layer], ...]] = (Block, *Rescale.kinds)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        block = at.layer
        if not isinstance(block, Block):
            return self.rescale(at, relevance)
        assert at.inputs0 is not None and at.outputs0 is not None
        differences = [x - x0 for x, x0 in zip(at.inputs, at.inputs0, strict=True)]
        sizes, r = block.sizes(differences), only(relevance)
        whole, signed = (_rectified if block.activation.rectifies else _shares)(at, block.activation, sizes[block.z])
        whole, signed = (sum_to(times_over(r, m), m.shape) for m in (whole, signed))
        pulled = block.pull(whole, signed, sizes)
        return tuple(times_over(s, d.sign()).add_(w) for d, (w, s) in zip(differences, pulled, strict=True))

    def direct(self, layer: Layer) -> Callable[..., Relevances] | None:
        return None if isinstance(layer, Block) else self.rescale.direct(layer)

    def single(self, layer: Layer, rectified: bool) -> Single | None:
        return None if isinstance(layer, Block) else self.rescale.single(layer, rectified)

    def hot(self, layer: Layer) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        return None if isinstance(layer, Block) else self.rescale.hot(layer)

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        return None if isinstance(layer, Block) else self.rescale.prepared(layer, active)

    def sends(self, layer: Layer) -> Sends:
        return "shared" if isinstance(layer, Block) else self.rescale.sends(layer)

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS if isinstance(layer, Block) else self.rescale.reads(layer)


def _shares(at: Site, f: Elementwise, size: Tensor) -> tuple[Tensor, Tensor]:
    """½(m⁺ + m⁻) and ½(m⁺ − m⁻)"""
    assert at.outputs0 is not None
    (y, z), (y0, z0) = at.outputs, at.outputs0
    dz = z - z0
    plus, minus = (size + dz) / 2, (size - dz) / -2
    up, down = z0 + plus, z0 + minus
    f_up, f_down = f(up), f(down)
    to_plus = (f.slope(up, z0, f_up, y0) + f.slope(z, down, y, f_down)) / 2
    to_minus = (f.slope(down, z0, f_down, y0) + f.slope(z, up, y, f_up)) / 2
    nothing = ROUNDING * torch.finfo(z.dtype).eps * (size + z.abs() + z0.abs())
    to_plus, to_minus = to_plus * (plus > nothing), to_minus * (minus < -nothing)
    return (to_plus + to_minus) / 2, (to_plus - to_minus) / 2


def _rectified(at: Site, f: Elementwise, size: Tensor) -> tuple[Tensor, Tensor]:
    """The same of max(z, 0), whose slope from a to b > a is the share of b in b − a, between 0 and 1: from z̄ to z̄ + Δ⁺ and
    from z̄ + Δ⁻ to z over Δ⁺; from z̄ + Δ⁻ to z̄ and from z to z̄ + Δ⁺ over −Δ⁻."""
    assert at.outputs0 is not None
    z, z0 = at.outputs[1], _own(at.outputs0[1])
    up = size + z
    plus, minus = up - z0, (size - z).add_(z0)  # 2Δ⁺, −2Δ⁻
    up.add_(z0)  # 2(z̄ + Δ⁺)
    nothing, few = z.abs().add_(size).add_(z0.abs()), 2 * ROUNDING * torch.finfo(z.dtype).eps
    slopes = []  # twice m⁺/m and m⁻/m
    for share, width, end in ((up / plus, plus, z), (up.div_(minus), minus, z0)):
        share.clamp_(0, 1).add_((end / width).clamp_(0, 0.5), alpha=2)
        slopes.append(_above_zero(share, width.sub_(nothing, alpha=few), 0))
    to_plus, to_minus = slopes
    return (to_plus + to_minus).mul_(0.25), to_plus.sub_(to_minus).mul_(0.25)


def _own(x: Tensor) -> Tensor:
    """x, of rows that are all one and the same that one."""
    return x[:1] if x.dim() and x.shape[0] > 1 and x.stride(0) == 0 else x
