"""The gradient as a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Additive, Affine, Bilinear, Elementwise, Pooling, Product, Routing, alone
from .base import Hot, Prepared, Relevances, Rule, Sends, Single, Site, factors_of, only
from .temporaries import times_owned


@dataclass(frozen=True)
class Adjoint(Rule):
    """R_x = Jᵀ R: the layer's own adjoint, on any kind. What walks back is a cotangent, the gradient at the end."""

    kinds: ClassVar[tuple[type[Layer], ...]] = (Layer,)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return at.layer.adjoint(relevance, at.inputs, at.outputs)

    def transposes(self) -> bool:
        return True

    def covers(self, layer: Layer) -> bool:
        return not layer.advice

    def direct(self, layer: Layer) -> Callable[..., Relevances]:
        return layer.adjoint

    def single(self, layer: Layer, rectified: bool) -> Single:
        if isinstance(layer, Affine) and type(layer).adjoint is Affine.adjoint:
            pull = layer.pulling()
            return lambda r, x, y: pull(r, x)
        if alone(layer) and type(layer).adjoint is Elementwise.adjoint:
            return layer.pull
        return lambda r, x, y: layer.adjoint((r,), (x,), (y,))[0]

    def over(self, layer: Layer, rectified: bool) -> Single:
        if alone(layer) and type(layer).adjoint is Elementwise.adjoint:
            return layer.pull_over
        return self.single(layer, rectified)

    def sends(self, layer: Layer) -> Sends:
        return adjoint_sends(layer)

    def hot(self, layer: Layer) -> Callable[[Hot, Tensor, Tensor], Tensor] | None:
        if isinstance(layer, Affine) and layer.picks and type(layer).adjoint is Affine.adjoint:
            return lambda r, x, y: r.through(layer, x)
        return None

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        if isinstance(layer, Elementwise) and type(layer).adjoint is Elementwise.adjoint:
            return scaled(lambda at: layer.derivative(at.inputs[0], at.outputs[0]))
        if isinstance(layer, Bilinear):
            return multiplied(layer, lambda at: at.inputs)
        return transposed(layer, len(active)) if isinstance(layer, (Affine, Additive, Routing)) else None

    def reads(self, layer: Layer) -> frozenset[str]:
        return layer.adjoint_reads

    def vanishes(self, layer: Layer, outputs: bool) -> bool:
        return outputs and isinstance(layer, Routing)


def adjoint_sends(layer: Layer) -> Sends:
    """Whose memory a layer's own adjoint returns."""
    for kind in (Affine, Pooling, Product):
        if isinstance(layer, kind):
            return "anew" if layer.makes_anew and type(layer).adjoint is kind.adjoint else "shared"
    return "anew" if isinstance(layer, Elementwise) and type(layer).adjoint is Elementwise.adjoint else "shared"


def scaled(factor: Callable[[Site], Tensor]) -> Prepared:
    """R_x = R ⊙ factor, of a layer with one input of its output's shape."""
    return Prepared(
        lambda at: (factor(at),),
        lambda r, parts: (only(r) * parts[0],),
        lambda r, parts: (times_owned(only(r), parts[0]),),
        factors=lambda parts: parts,
    )


def multiplied(layer: Bilinear, at_values: Callable[[Site], Sequence[Tensor]]) -> Prepared:
    """R_a = R ∂/∂a of a product at these values of its factors."""

    def apply(r: Relevances, values: Sequence[Tensor]) -> Relevances:
        return tuple([layer.partial(only(r), values, i) for i in range(len(values))])

    return Prepared(at_values, apply, factors=factors_of(apply) if layer.entrywise else None)


def transposed(layer: Layer, n: int) -> Prepared:
    """The adjoint of a layer of n inputs, which looks at no number of theirs."""

    def apply(r: Relevances, values: Sequence[Tensor]) -> Relevances:
        return layer.adjoint(r, values[:n], values[n:])

    made = Prepared(lambda at: [*at.inputs, *at.outputs], apply, own=True)
    if isinstance(layer, Affine) and type(layer).adjoint is Affine.adjoint:
        return made._replace(around=lambda values: (None, None))
    if isinstance(layer, Additive) and type(layer).adjoint is Additive.adjoint:
        return made._replace(factors=lambda values: layer.coefficients)
    return made
