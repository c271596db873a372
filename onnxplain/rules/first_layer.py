"""LRP rules for the first layer: ones that do not need the input's values to say where relevance lands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Affine
from .base import NOTHING, Relevances, Rule, Site, only, ratio, require, require_one_of
from .bias import BIAS, Bias, even, plus_bias_share

Bound = float | Sequence[Any] | Tensor


@dataclass(frozen=True, eq=False)
class ZBox(Rule):
    """R_x = (x ⊙ Jᵀ − low ⊙ J⁺ᵀ − high ⊙ J⁻ᵀ)(R / st(Jx − J⁺low − J⁻high)): inputs known to lie in [low, high].

    `low`, `high`: numbers or arrays that broadcast against the layer's input, in the model's own input units. The bias
    cancels. Montavon et al. 2017, section 4.2.
    """

    low: Bound
    high: Bound
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        low, high = torch.as_tensor(self.low), torch.as_tensor(self.high)
        try:
            wrong = (low > high).flatten()
        except RuntimeError:
            shapes = f"{_shape(low)} and {_shape(high)}"
            raise RuleError(f"ZBox needs low and high that broadcast together, got shapes {shapes}") from None
        if wrong.any():
            a, b = (t.flatten()[wrong][0] for t in torch.broadcast_tensors(low, high))
            raise RuleError(f"ZBox needs low <= high, got low = {float(a):g} and high = {float(b):g}")

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x, r = at.layer, at.inputs[0], only(relevance)
        assert isinstance(layer, Affine)
        low, high = _spread(self.low, x, "low"), _spread(self.high, x, "high")
        b = layer.bias(x)
        z = at.outputs[0] if b is None else at.outputs[0] - b
        s = ratio(r, z - layer.linear(low, "positive") - layer.linear(high, "negative"), self.stabilizer)
        # J = J⁺ + J⁻
        return ((x - low) * layer.transpose(s, x, "positive") + (x - high) * layer.transpose(s, x, "negative"),)


@dataclass(frozen=True)
class Flat(Rule):
    """R_i = Σ_j R_j / st(n_j): relevance spread evenly over each output's n_j inputs; padding is none of them.

    Lapuschkin et al. 2019, as in zennit; weights, inputs and bias are not looked at.
    """

    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        assert isinstance(at.layer, Affine)
        return (even(at.layer, only(relevance), at.inputs[0], self.stabilizer),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


@dataclass(frozen=True)
class WSquare(Rule):
    """R_i = Σ_j w_ij² R_j / st(Σ_i w_ij² + b_j²): share by squared weight. Montavon et al. 2017, eq. 8."""

    bias: Bias = "absorb"
    stabilizer: float = 1e-6
    kinds: ClassVar[tuple[type[Layer], ...]] = (Affine,)

    def __post_init__(self) -> None:
        require(self, stabilizer=self.stabilizer)
        require_one_of(self, "bias", self.bias, BIAS)

    def __call__(self, at: Site, relevance: Relevances) -> Relevances:
        layer, x, r = at.layer, at.inputs[0], only(relevance)
        assert isinstance(layer, Affine)
        b = None if self.bias == "ignore" else layer.bias(x)
        z = layer.linear(x.new_ones(()).expand(x.shape), "square")
        s = ratio(r, z if b is None else z + b * b, self.stabilizer)
        share = b * b * s if b is not None and self.bias == "distribute" else None
        return (plus_bias_share(layer.transpose(s, x, "square"), layer, share, x),)

    def reads(self, layer: Layer) -> frozenset[str]:
        return NOTHING


def _spread(bound: Bound, x: Tensor, name: str) -> Tensor:
    value = torch.as_tensor(bound, dtype=x.dtype, device=x.device)
    try:
        return value.expand(x.shape)
    except RuntimeError:
        raise RuleError(f"ZBox: {name} of shape {_shape(value)} does not broadcast to inputs {_shape(x)}") from None


def _shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)
