"""DeepLIFT's reveal-cancel rule on an activation and the affine layers before it; rescale elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from ..layers.base import Layer
from ..layers.block import Block
from ..layers.shapes import sum_to
from .base import INPUTS_AND_OUTPUTS, Relevances, Rule, Site, only
from .deeplift import Rescale

#: units in the last place within which Δ⁺ and Δ⁻, found as half the sum and difference of Σ|contributions| and Δz, are 0
ROUNDING = 32


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
        (y, z), (y0, z0), f = at.outputs, at.outputs0, block.activation
        differences = [x - x0 for x, x0 in zip(at.inputs, at.inputs0, strict=True)]
        sizes, dz = block.sizes(differences), z - z0
        size = sizes[block.z]
        plus, minus = (size + dz) / 2, (size - dz) / -2
        up, down = z0 + plus, z0 + minus
        f_up, f_down = f(up), f(down)
        to_plus = (f.slope(up, z0, f_up, y0) + f.slope(z, down, y, f_down)) / 2
        to_minus = (f.slope(down, z0, f_down, y0) + f.slope(z, up, y, f_up)) / 2
        nothing = ROUNDING * torch.finfo(z.dtype).eps * (size + z.abs() + z0.abs())
        to_plus, to_minus = to_plus * (plus > nothing), to_minus * (minus < -nothing)
        r = only(relevance)
        whole, signed = (sum_to(r * m, z.shape) for m in ((to_plus + to_minus) / 2, (to_plus - to_minus) / 2))
        pulled = block.pull(whole, signed, sizes)
        return tuple(w + d.sign() * s for d, (w, s) in zip(differences, pulled, strict=True))

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS_AND_OUTPUTS if isinstance(layer, Block) else self.rescale.reads(layer)
