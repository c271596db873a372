"""LRP rules for products and quotients of activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import ClassVar

import torch
from torch import Tensor

from ..layers.base import Layer
from ..layers.kinds import Bilinear, Product
from ..layers.shapes import sum_to
from .base import INPUTS, INPUTS_AND_OUTPUTS, NOTHING, Prepared, Relevances, Rule, Site, only, ratio, require
from .lrp import pass_to
from .temporaries import times_made


@dataclass(frozen=True)
class Half(Rule):
    """R_a = R_b = R/2; where the product sums, R_a = a ⊙ ∂/∂a(R / 2st(y)): every factor gets the same.

    A factor that carries no relevance gets none and the other gets all; a quotient's goes to its numerator.
    AttnLRP (Achtibat et al. 2024), proposition 3.3.
    """

    epsilon: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Product,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        return _equally(at, only(relevance), factors(at), self.epsilon)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING if is_entrywise(layer) else INPUTS_AND_OUTPUTS


@dataclass(frozen=True)
class Signal(Rule):
    """All relevance to the factors that are not the gate, which acts as a constant.

    `gate`: which input is the gate. A composite finds it in the graph (the output of a sigmoid, hard sigmoid or
    softmax, or of the activation of a gated MLP); a product without one, or where every factor that carries relevance
    is one, is shared as `Half`; with `strict` a gate gets nothing even then, and the relevance is lost. Arras et al. 2017;
    for attention CP-LRP (Ali et al. 2022).
    """

    gate: int | None = None
    epsilon: float = 1e-6
    strict: bool = False
    kinds: ClassVar[tuple[type[Layer], ...]] = (Product,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        shared = factors(at)
        signals = [i for i in shared if i != self.gate]
        if self.strict and not signals:
            return (None,) * len(at.inputs)
        return _equally(at, only(relevance), signals or shared, self.epsilon)

    def prepared(self, layer: Layer, active: Sequence[bool]) -> Prepared | None:
        if not is_entrywise(layer) or not isinstance(layer, Bilinear) or self.gate is None or not self.strict:
            return None
        signals = [i != self.gate and a for i, a in enumerate(active)]
        return Prepared(
            lambda at: at.inputs,
            lambda r, xs: tuple(pass_to(only(r), x) if s else None for s, x in zip(signals, xs, strict=True)),
            factors=lambda xs: [1.0 if s else None for s in signals],
        )

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING if is_entrywise(layer) else INPUTS_AND_OUTPUTS


@dataclass(frozen=True)
class Proportional(Rule):
    """R_a = R·|a| / (|a| + |b|), half each where both are 0. Products that sum, and quotients, are shared as `Half`."""

    epsilon: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Product,)

    def __post_init__(self) -> None:
        require(self, epsilon=self.epsilon)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        r, shared = only(relevance), factors(at)
        if len(shared) < 2 or not is_entrywise(at.layer):
            return _equally(at, r, shared, self.epsilon)
        sizes = {i: at.inputs[i].abs() for i in shared}
        total = reduce(add, sizes.values())
        parts = {i: torch.where(total == 0, 1 / len(shared), ratio(size, total)) for i, size in sizes.items()}
        return tuple(sum_to(r * parts[i], x.shape) if i in parts else None for i, x in enumerate(at.inputs))

    def reads(self, layer: Layer) -> frozenset[str]:
        return INPUTS if is_entrywise(layer) else INPUTS_AND_OUTPUTS


def is_entrywise(layer: Layer) -> bool:
    """Each output element is made of one element of each input (Mul, Div): sharing relevance needs no values."""
    return isinstance(layer, Product) and layer.entrywise


def factors(at: Site) -> list[int]:
    """The inputs that share a product's relevance; of a quotient the numerator, else the denominator."""
    active = [i for i in range(len(at.inputs)) if at.is_active(i)]
    return active if isinstance(at.layer, Bilinear) else active[:1]


def _equally(at: Site, r: Tensor, shared: Sequence[int], epsilon: float) -> Relevances:
    layer = at.layer
    assert isinstance(layer, Product)
    if is_entrywise(layer):
        r = r / len(shared) if len(shared) > 1 else r
        return tuple(pass_to(r, x) if i in shared else None for i, x in enumerate(at.inputs))
    s, parts = ratio(r, at.outputs[0], epsilon), len(shared) * layer.count(at.inputs)
    s = s / parts if isinstance(parts, Tensor) else s.div_(parts) if parts > 1 else s  # which nobody else holds
    return tuple(times_made(x, layer.partial(s, at.inputs, i), layer) if i in shared else None for i, x in enumerate(at.inputs))
