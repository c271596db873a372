"""J⁺ and J⁻ at positive and negative inputs: what rules that treat signs apart are made of, in as few products as may be.

Products that read the same value are one product over weights side by side, those whose results add up one over weights one
after the other. Where an input cannot be below 0, half of them vanish; where part of it cannot, half of that part's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from ..layers.kinds import Affine, positive_part
from .base import Mixed, Site
from .temporaries import times


@dataclass(frozen=True)
class Weighed:
    """w → plus·w⁺ + minus·w⁻"""

    plus: float
    minus: float

    def __call__(self, w: Tensor) -> Tensor:
        return (w.clamp(min=0) * self.plus).add_(w.clamp(max=0), alpha=self.minus)

    def turned(self) -> Weighed:
        """What negative inputs need where positive ones need this."""
        return Weighed(self.minus, self.plus)


POSITIVE = Weighed(1, 0)


@dataclass(frozen=True)
class Stacked:
    """w → all that is asked of it, one after the other along its outputs."""

    asked: tuple[Weighed, ...]
    outputs: int

    def __call__(self, w: Tensor) -> Tensor:
        return torch.cat([a(w) for a in self.asked], self.outputs)


@dataclass(frozen=True)
class TwoSided:
    """w → what is asked of it, for x⁺; and beside it along its inputs, with the signs' parts exchanged, for x⁻, or for those
    parts of x that may be below 0."""

    asked: Weighed
    inputs: int
    mixed: Mixed | None

    def __call__(self, w: Tensor) -> Tensor:
        return torch.cat([self.asked(w), *(self.asked.turned()(part) for part in parts(w, self.inputs, self.mixed))], self.inputs)


def parts(x: Tensor, axis: int, mixed: Mixed | None) -> list[Tensor]:
    """The parts of x along an axis that may be below 0."""
    return [x] if mixed is None else [x.narrow(axis, a, b - a) for a, b in mixed.ranges]


@dataclass(frozen=True, eq=False)
class Halves:
    """A layer's J⁺ and J⁻ at an input x; `signed`: x may be below 0, of which `mixed` may say where."""

    layer: Affine
    x: Tensor
    signed: bool
    mixed: Mixed | None

    @classmethod
    def of(cls, at: Site) -> Halves:
        assert isinstance(at.layer, Affine)
        axes, mixed, x = at.layer.weight_axes, at.mixed, at.inputs[0]
        fits = mixed is not None and axes is not None and mixed.axis == axes[2] and mixed.size == x.shape[mixed.axis]
        return cls(at.layer, x, not at.is_nonnegative(0), mixed if fits else None)

    def two_sided(self, asked: Weighed, bias: Tensor) -> Affine | None:
        axes = self.layer.weight_axes
        return None if axes is None else self.layer.reweighted(TwoSided(asked, axes[0], self.mixed), bias)

    def forward(self, asked: Weighed, bias: Tensor) -> Tensor | None:
        """x⁺w + x⁻w′ + bias for the weights w asked for, and w′ with the signs' parts exchanged; None where no kernel does it.

        (w = J⁺: z⁺; w = J + γJ⁺: z + γz⁺.)"""
        if not self.signed:
            whole = self.layer.reweighted(_alone(asked), bias)
            return None if whole is None else whole.forward(self.x)
        both, axes = self.two_sided(asked, bias), self.layer.weight_axes
        if both is None or axes is None:
            return None
        below = [x.clamp(max=0) for x in parts(self.x, axes[2], self.mixed)]
        return both.forward(torch.cat([self.x.clamp(min=0), *below], axes[2]))

    def size(self, factor: float, bias: Tensor) -> Tensor:
        """factor·|J||x| + bias, one product whatever the signs."""
        x, sized = self.x.abs() if self.signed else self.x, self.layer.reweighted(Weighed(factor, -factor), bias)
        return self.layer.linear(x, "absolute") * factor + bias if sized is None else sized.forward(x)

    def positive(self, shift: Tensor) -> Tensor:
        """x⁺J⁺ + x⁻J⁻ + shift"""
        found = self.forward(POSITIVE, shift)
        if found is not None:
            return found
        if not self.signed:
            return self.layer.linear(self.x, "positive") + shift
        above, below = self.x.clamp(min=0), self.x.clamp(max=0)
        return self.layer.linear(above, "positive") + self.layer.linear(below, "negative") + shift

    def stacks(self) -> bool:
        """Whether to make one product of several: not where the weights, of which there is one set more then, are larger than
        what is added up in a pass less."""
        return not self.signed and sum(b.numel() for b in self.layer.buffers()) <= self.x.numel()

    def room(self, r: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        """Memory for two relevances of r's shape side by side, which `pull` then need not bring there, and their places in it;
        None where they are better made each in memory of its own."""
        axes = self.layer.weight_axes
        if axes is None or not self.stacks() or r.requires_grad or self.x.requires_grad:
            return None, None, None
        n, axis = r.shape[axes[2]], r.dim() + axes[2]
        shape = (r.shape[0] * r.shape[1], *r.shape[2:axis], 2 * n, *r.shape[axis + 1 :])
        last = axis == 2 and (len(shape) == 4 or (len(shape) == 3 and r.is_cpu))  # as the layer wants it
        both = torch.empty((shape[0], *shape[2:], shape[1]) if last else shape, dtype=r.dtype, device=r.device)
        both = (both.movedim(-1, 1) if last else both).unflatten(0, r.shape[:2])
        first, second = both.split(n, axis)
        return both, first, second

    def pull(self, *shares: tuple[Weighed, Tensor], both: Tensor | None = None) -> Tensor:
        """Σ x⁺ ⊙ wᵀs + x⁻ ⊙ w′ᵀs over the weights w asked for, each with its relevance s (T, *y); `both`: these in one."""
        layer, axes, nothing = self.layer, self.layer.weight_axes, self.x.new_zeros(())
        if axes is None:
            return self._pulled_apart(shares)
        if self.signed and self.mixed is None and all(w.plus == 0 or w.minus == 0 for w, _ in shares):
            return self._joined(self._of_both_signs(shares, axes[2]), axes[2])
        if self.signed:
            sides = [self.two_sided(w, nothing) for w, _ in shares]
            pulled = [side.transpose(s, self.x) for side, (_, s) in zip(sides, shares, strict=True) if side is not None]
            return self._joined(reduce(Tensor.add_, pulled), axes[2])
        asked, one = tuple(w for w, _ in shares), len(shares) == 1
        if not (one or self.stacks()):
            return self._pulled_apart(shares)
        stacked = layer.reweighted(_alone(asked[0]) if one else Stacked(asked, axes[1]), nothing)
        assert stacked is not None
        s = shares[0][1] if one else torch.cat([s for _, s in shares], axes[2]) if both is None else both
        return times(self.x, stacked.transpose(s, self.x), layer)

    def _of_both_signs(self, shares: Sequence[tuple[Weighed, Tensor]], axis: int) -> Tensor:
        """Σ wᵀs and beside it Σ w′ᵀs, each w being J⁺ or J⁻ times a number: of one set of weights, whichever it is."""
        side, n, total = self.two_sided(POSITIVE, self.x.new_zeros(())), self.x.shape[axis], None
        assert side is not None
        for w, s in shares:
            g, factor = side.transpose(s, self.x), w.plus or w.minus
            if total is None and w.plus:
                total = g if factor == 1 else g.mul_(factor)
                continue
            total = torch.zeros_like(g) if total is None else total
            for place, part in zip(total.split(n, axis), reversed(g.split(n, axis)) if w.minus else g.split(n, axis), strict=True):
                place.add_(part, alpha=factor)
        assert total is not None
        return total

    def pull_sized(self, s: Tensor, factor: float, t: Tensor) -> Tensor:
        """x ⊙ Jᵀs + factor·|x| ⊙ |J|ᵀt for relevances s, t (T, *y)."""
        layer, x, sized = self.layer, self.x, self.layer.reweighted(Weighed(factor, -factor), self.x.new_zeros(()))
        g = layer.transpose(s, x)
        h = layer.transpose(t, x, "absolute") * factor if sized is None else sized.transpose(t, x)
        if self.signed:
            return times(x, g, layer) + times(x.abs(), h, layer)
        return times(x, g.add_(h) if layer.makes_anew else g + h, layer)

    def _joined(self, g: Tensor, axis: int) -> Tensor:
        """x⁺ ⊙ (the first part of g) + x⁻ ⊙ (the rest), the relevances of both sides."""
        n, above = self.x.shape[axis], self.x.clamp(min=0)
        first, rest = g.split([n, g.shape[axis] - n], axis)
        joined = above[None].mul_(first) if g.shape[0] == 1 and not g.requires_grad else above * first
        pairs = zip(parts(joined, axis, self.mixed), parts(self.x, axis, self.mixed), strict=True)
        at = 0
        for place, x in pairs:
            place.addcmul_(x.clamp(max=0), rest.narrow(axis, at, x.shape[axis]))
            at += x.shape[axis]
        return joined

    def _pulled_apart(self, shares: Sequence[tuple[Weighed, Tensor]]) -> Tensor:
        """`pull`, product by product: J⁺ takes what is asked for plus, J⁻ what is asked for minus."""
        layer, x = self.layer, self.x
        plus, minus = (_weighed_sum([(side(w), s) for w, s in shares]) for side in (lambda w: w.plus, lambda w: w.minus))
        above = _transposed(layer, x, plus, minus)
        if not self.signed:
            return times(x, above, layer)
        return x.clamp(min=0) * above + x.clamp(max=0) * _transposed(layer, x, minus, plus)


def _alone(asked: Weighed) -> Callable[[Tensor], Tensor]:
    """What is asked for, J⁺ as it is kept for others, too."""
    return positive_part if asked == POSITIVE else asked


def _weighed_sum(terms: Sequence[tuple[float, Tensor]]) -> Tensor | None:
    total: Tensor | None = None
    for factor, s in terms:
        if factor:
            term = s if factor == 1 else s * factor
            total = term if total is None else total + term
    return total


def _transposed(layer: Affine, x: Tensor, plus: Tensor | None, minus: Tensor | None) -> Tensor:
    """J⁺ᵀ plus + J⁻ᵀ minus"""
    if plus is None or minus is None:
        s = minus if plus is None else plus
        assert s is not None
        return layer.transpose(s, x, "positive" if minus is None else "negative")
    return layer.transpose(plus, x, "positive") + layer.transpose(minus, x, "negative")
