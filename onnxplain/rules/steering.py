"""DeepLIFT where conditions or indices, themselves computed from the data, are others at the baseline."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import RuleError
from ..layers.base import Layer
from ..layers.kinds import Routing
from .base import Relevances, Site, ratio


def steered(layer: Layer) -> bool:
    """Some input of a Routing says where the values go."""
    return isinstance(layer, Routing) and "inputs" in layer.adjoint_reads


def moved(at: Site) -> list[int]:
    """The inputs that carry no relevance (conditions, indices, counts) and are others at the baseline."""
    if at.inputs0 is None:
        return []
    pairs = enumerate(zip(at.inputs, at.inputs0, strict=True))
    return [i for i, (c, c0) in pairs if not at.layer.carries(i) and not torch.equal(c, c0)]


def comparable(at: Site, relevance: Relevances) -> None:
    """Raises `RuleError` where no element of an output stands for the same at the data and at the baseline."""
    if at.inputs0 is None or at.outputs0 is None:
        return
    for r, y, y0 in zip(relevance, at.outputs, at.outputs0, strict=False):
        if r is not None and y.shape != y0.shape:
            raise RuleError(
                f"it makes {tuple(y.shape)} of the data and {tuple(y0.shape)} of the baseline (its size follows from the numbers): "
                "differences need the same places in both; take a baseline for which they are, or another method"
            )
    if not isinstance(at.layer, Routing) and (others := moved(at)):
        raise RuleError(
            f"its inputs {others} say what it reads, and say it otherwise at the baseline: no difference can be shared out; "
            "take a baseline for which they are the same, or another method"
        )


def chosen(at: Site, r: Tensor, others: Sequence[int]) -> Relevances:
    """y = u and ȳ = v̄, of values u and v: m_u = ½ = m_v where they are the same, else Δy in proportion to |Δu| and
    |Δv|. A jump in which neither differs is lost where a condition made it, and an error where an index did."""
    layer = at.layer
    assert at.inputs0 is not None and at.outputs0 is not None
    here = [x if i in others else x0 for i, (x, x0) in enumerate(zip(at.inputs, at.inputs0, strict=True))]
    there = [x0 if i in others else x for i, (x, x0) in enumerate(zip(at.inputs, at.inputs0, strict=True))]
    y, y0 = at.outputs[0], at.outputs0[0]
    du, dv = y - layer.forward(*here), layer.forward(*there) - y0
    total = du.abs() + dv.abs()
    jump = (total == 0) & (y != y0)
    if any(at.inputs[i].dtype != torch.bool for i in others) and bool((jump & (r != 0).any(0)).any()):
        raise RuleError(
            f"{int(jump.sum())} of its elements come from elsewhere at the baseline, where the values are others, but none of "
            "those read changes: no input explains these jumps; take a baseline for which the indices are the same, or another method"
        )
    m, m0 = (torch.where(total == 0, 0.5, ratio(y - y0, total) * d.sign()) for d in (du, dv))
    pairs = zip(
        layer.adjoint((r * m,), at.inputs, at.outputs), layer.adjoint((r * m0,), there, at.outputs), strict=True
    )
    return tuple(q if p is None else p if q is None else p + q for p, q in pairs)
