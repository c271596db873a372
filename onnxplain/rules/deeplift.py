"""DeepLIFT's rescale rule, exact on every kind: Σ m ⊙ (x − x̄) = r·(y − ȳ)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import (
    Additive,
    Affine,
    Bilinear,
    Elementwise,
    Normalization,
    Pooling,
    Product,
    Routing,
    SoftmaxKind,
    Trees,
)
from ..layers.shapes import sum_to
from .base import INPUTS_AND_OUTPUTS, Hot, Prepared, Relevances, Rule, Sends, Single, Site, only, ratio, require_one_of
from .gradient import Adjoint, adjoint_sends, multiplied, scaled, transposed
from .steering import chosen, comparable, moved, steered
from .temporaries import times_over
from .trees import interventional

SoftmaxVariant = Literal["decompose", "by_parts", "rescale"]
LINEAR: tuple[type[Layer], ...] = (Affine, Additive, Routing)


@dataclass(frozen=True)
class Rescale(Rule):
    """m_x = m_y·Δy/Δx, generalised so that contributions add up on every kind; what walks back are multipliers.

    Affine, Additive and Routing: the adjoint; where a condition or an index differs at the baseline, Δy is shared between
    the two values it chose. Pooling: the cross-maximum, or, with `winner_takes_all=False`, in proportion to Δx. Product and
    Normalization: the symmetric split. Trees: Shapley values of the pair (x, x̄). Softmax: exactly through log-ratios, so
    that a number added to all its inputs changes nothing; exactly, too, as exp, sum and division one after the other, with `softmax="by_parts"`; or element
    by element with `softmax="rescale"`, which gives only the element itself credit.
    Shrikumar et al. 2017, section 3.5.1.
    """

    softmax: SoftmaxVariant = "decompose"
    winner_takes_all: bool = True
    kinds: ClassVar[tuple[type[Layer], ...]] = (*LINEAR, Elementwise, Pooling, Product, SoftmaxKind, Normalization, Trees)

    def __post_init__(self) -> None:
        require_one_of(self, "softmax", self.softmax, get_args(SoftmaxVariant))

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        comparable(at, relevance)
        if isinstance(at.layer, LINEAR):
            if steered(at.layer) and (others := moved(at)):
                return chosen(at, only(relevance), others)
            return at.layer.adjoint(relevance, at.inputs, at.outputs)
        return _MULTIPLIERS[at.layer.kind](self, at, only(relevance))

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        if isinstance(layer, LINEAR) and not steered(layer):
            return transposed(layer, len(active))
        if isinstance(layer, Elementwise) and type(layer).multipliers is Elementwise.multipliers:
            return scaled(lambda at: layer.slope(_here(at)[0], _there(at)[0], _here(at)[1], _there(at)[1]))
        if isinstance(layer, Bilinear):
            return multiplied(layer, _middle)
        return None

    def sends(self, layer: Layer) -> Sends:
        if isinstance(layer, Elementwise):
            return "anew" if type(layer).multipliers is Elementwise.multipliers else "shared"
        if isinstance(layer, Pooling):
            return "anew" if layer.makes_anew else "shared"
        return adjoint_sends(layer) if isinstance(layer, LINEAR) else "shared"

    def direct(self, layer: Layer) -> Callable[..., Relevances] | None:
        return layer.adjoint if isinstance(layer, Affine) and not layer.adjoint_reads else None

    def single(self, layer: Layer, rectified: bool) -> Single | None:
        return Adjoint().single(layer, rectified) if self.direct(layer) is not None else None

    def hot(self, layer: Layer) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        return Adjoint().hot(layer) if self.direct(layer) is not None else None

    def reads(self, layer: Layer) -> frozenset[str]:
        if isinstance(layer, Elementwise) and type(layer).multipliers is Elementwise.multipliers:
            return layer.slope_reads
        return layer.adjoint_reads if isinstance(layer, LINEAR) and not steered(layer) else INPUTS_AND_OUTPUTS


def _elementwise(rule: Rescale, at: Site, r: Tensor) -> Relevances:
    assert isinstance(at.layer, Elementwise)
    (x, y), (x0, y0) = _here(at), _there(at)
    if at.layer.rectifies:  # whose slopes are nobody else's
        return (sum_to(times_over(r, at.layer.slope(x, x0, y, y0), at.owned), x.shape),)
    return (at.layer.multipliers(r, x, x0, y, y0),)


def _middle(at: Site) -> list[Tensor]:
    assert at.inputs0 is not None
    return [(x + x0) / 2 for x, x0 in zip(at.inputs, at.inputs0, strict=True)]


def _product(rule: Rescale, at: Site, r: Tensor) -> Relevances:
    assert isinstance(at.layer, Product) and at.inputs0 is not None
    return at.layer.symmetric(r, at.inputs, at.inputs0)


def _normalization(rule: Rescale, at: Site, r: Tensor) -> Relevances:
    assert isinstance(at.layer, Normalization)
    return (at.layer.symmetric(r, _here(at)[0], _there(at)[0]),)


def _trees(rule: Rescale, at: Site, r: Tensor) -> Relevances:
    assert isinstance(at.layer, Trees)
    return (interventional(at.layer, r, _here(at)[0], _there(at)[0]),)


def _softmax(rule: Rescale, at: Site, r: Tensor) -> Relevances:
    assert isinstance(at.layer, SoftmaxKind)
    (x, y), (x0, y0) = _here(at), _there(at)
    if rule.softmax != "rescale":
        return (at.layer.decompose(r, x, x0, by_parts=rule.softmax == "by_parts"),)
    dx = x - x0
    tiny = dx.abs() <= torch.finfo(x.dtype).eps ** (1 / 2)
    (gradient,) = at.layer.adjoint((r,), (x,), (y,))
    assert gradient is not None
    return (torch.where(tiny, gradient, r * (y - y0) / torch.where(tiny, 1.0, dx)),)


def _pooling(rule: Rescale, at: Site, r: Tensor) -> Relevances:
    layer = at.layer
    assert isinstance(layer, Pooling) and at.inputs0 is not None
    if rule.winner_takes_all:
        return _cross_maximum(layer, at, r)
    dy = _here(at)[1] - _there(at)[1]
    total = layer.window_sum(_differences(at))
    if layer.constant_slots:
        total = total - layer.window_sum([torch.zeros_like(x) if layer.carries(i) else x for i, x in enumerate(at.inputs)])
    # where Δx sums to next to nothing there is no proportion to share by
    tiny = (total.abs() <= torch.finfo(r.dtype).eps ** (1 / 2) * dy.abs()).to(r.dtype)
    shared = layer.window_transpose(r * ((1 - tiny) * ratio(dy, total)), at.inputs)
    return _sum(shared, _cross_maximum(layer, at, r * tiny))


def _cross_maximum(layer: Pooling, at: Site, r: Tensor) -> Relevances:
    """All to one element whose own difference is at least Δy: of a maximum that grew the winner of x, of one that
    shrank the winner of x̄ (of a minimum the other way round). Exact for overlapping windows and any baseline."""
    assert at.inputs0 is not None
    (_, y), (_, y0) = _here(at), _there(at)
    won, won0 = layer.winners(at.inputs), _winners(layer, at.inputs0)
    dx = y - layer.pick(at.inputs0, won)
    dx0 = layer.pick(at.inputs, won0) - y0
    dy = y - y0
    here = (((dx >= dx0) == (dy > 0)) | (dy == 0)).to(y.dtype)
    m, m0 = here * _quotient(dy, dx), (1 - here) * _quotient(dy, dx0)
    if not (layer.ranked or won.is_floating_point()) and won.shape == won0.shape == dy.shape:
        # all of it to one element
        return layer.place(r * (m + m0), won0 + (won - won0) * here.to(won.dtype), at.inputs)
    if not layer.ranked:
        return _sum(layer.place(r * m, won, at.inputs), layer.place(r * m0, won0, at.inputs))
    reached = ((here * dx + (1 - here) * dx0) * dy.sign() >= dy.abs()).to(y.dtype)
    placed = _sum(layer.place(r * (m * reached), won, at.inputs), layer.place(r * (m0 * reached), won0, at.inputs))
    return _sum(placed, _by_size(layer, at, r * (dy * (1 - reached))))


def _winners(layer: Pooling, inputs: Sequence[Tensor]) -> Tensor:
    """Who won, asked once where one row stands for all."""
    (x, *others), rows = inputs, inputs[0].shape[0] if inputs[0].dim() else 1
    if others or rows < 2 or x.stride(0) or not layer.keeps_rows():
        return layer.winners(inputs)
    return layer.winners([x[:1]]).expand(rows, *[-1] * (x.dim() - 1))


def _differences(at: Site) -> list[Tensor]:
    """Δx; of an input that says where to look (axes, counts, boxes), that input."""
    assert at.inputs0 is not None
    pairs = enumerate(zip(at.inputs, at.inputs0, strict=True))
    return [x - x0 if at.layer.carries(i) else x for i, (x, x0) in pairs]


def _by_size(layer: Pooling, at: Site, change: Tensor) -> Relevances:
    """m_i = change·sgn(Δx_i) / Σ|Δx| over each window: exact whatever happened in it."""
    dx = _differences(at)
    sizes = [d.abs() if layer.carries(i) else d for i, d in enumerate(dx)]
    pulled = layer.window_transpose(ratio(change, layer.window_sum(sizes)), at.inputs)
    return tuple(None if p is None else p * d.sign() for p, d in zip(pulled, dx, strict=True))


def _quotient(dy: Tensor, dx: Tensor) -> Tensor:
    """Δy/Δx, 1 where nothing differs: there the winner's derivative."""
    same = (dx == 0).to(dx.dtype)
    return (dy + same) / (dx + same)


def _sum(a: Relevances, b: Relevances) -> Relevances:
    return tuple(q if p is None else p if q is None else p + q for p, q in zip(a, b, strict=True))


def _here(at: Site) -> tuple[Tensor, Tensor]:
    return at.inputs[0], at.outputs[0]


def _there(at: Site) -> tuple[Tensor, Tensor]:
    assert at.inputs0 is not None and at.outputs0 is not None
    return at.inputs0[0], at.outputs0[0]


_MULTIPLIERS: dict[str, Callable[[Rescale, Site, Tensor], Relevances]] = {
    "Elementwise": _elementwise,
    "Pooling": _pooling,
    "Product": _product,
    "Softmax": _softmax,
    "Normalization": _normalization,
    "Trees": _trees,
}
