"""What happens to the share of relevance that falls on a bias."""

from __future__ import annotations

from typing import Literal, get_args

from torch import Tensor

from ..layers.kinds import Affine
from .base import ratio

#: "absorb": the bias stays in the denominator and its share is lost. "ignore": it is left out of the denominator.
#: "distribute": it stays, and its share is spread evenly over the inputs it was added to (Bach et al. 2015, eq. 58).
Bias = Literal["absorb", "ignore", "distribute"]
BIAS: tuple[str, ...] = get_args(Bias)


def even(layer: Affine, r: Tensor, x: Tensor, stabilizer: float = 0.0) -> Tensor:
    """R_i = Σ_j r_j / n_j over the outputs j that read x_i, n_j the number of inputs that output j reads."""
    n = layer.linear(x.new_ones(()).expand(x.shape), "ones")
    return layer.transpose(ratio(r, n, stabilizer), x, "ones")


def plus_bias_share(pulled: Tensor, layer: Affine, share: Tensor | None, x: Tensor) -> Tensor:
    """`pulled`, and with it the bias' share of relevance spread evenly over the fan-in, where there is a share."""
    return pulled if share is None else pulled + even(layer, share, x)
