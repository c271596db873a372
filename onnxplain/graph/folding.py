"""Relevance that is one row for all, a factor of every row's own, then a matrix: (r ⊙ f) Wᵀ = f (r ⊙ W)ᵀ.

The row goes into the matrix, once for each target, and not into every row: what the product reads is then f, the same for all
targets. That is worth it where rows are many beside the matrix, as pairs of samples and references are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..layers.kinds import Affine
from .pairing import Pairing
from .visit import Visit, pass_on

if TYPE_CHECKING:
    from .plan import Trace

#: targets from which it is worth it, and rows for each unit that the product makes (64 × 64, ten targets: at 1,000 pairs the
#: product and what is before it take 0.65 of the time)
TARGETS, ROWS = 4, 4


def fold(
    first: Visit,
    then: Visit,
    relevance: list[Tensor | None],
    owned: list[bool],
    trace: Trace,
    trace0: Trace | None,
    pairing: Pairing | None,
) -> bool:
    """Two visits at once, where relevance is one row (T, 1, …) so far, all pairs meet at `first`, and `then` is the dense layer
    that made what it reads; else False, and nothing is done."""
    layer = then.node.layer
    if first.pointwise is None or first.pointwise.factors is None or not isinstance(layer, Affine) or not layer.picks:
        return False
    if then.direct != layer.adjoint or not then.frees or len(first.frees) != 1 or [s for _, s in first.leaves] != list(then.arrives):
        return False
    row, x = relevance[first.arrives[0]], trace[then.reads[0]]
    if row is None or row.dim() != 3 or row.shape[0] < TARGETS or x.dim() != 2 or relevance[then.arrives[0]] is not None:
        return False
    if pairing is None or pairing.rows < ROWS * x.shape[1] or (site := first.across(trace, trace0, pairing)) is None:
        return False
    (factor,) = first.pointwise.parts(site)
    factor = factor.flatten(0, 1)
    weights = layer.picked(torch.arange(layer.picks, device=row.device), x)
    relevance[first.frees[0]] = None
    pass_on(then, relevance, owned, (torch.bmm(factor.expand(row.shape[0], -1, -1), row.mT * weights),), True)
    return True
