"""Conditions of conditional relevance: which parts of internal values relevance may pass through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import RuleError
from ..graph.graph import Graph
from ..graph.masks import with_masks


def mask_from(value: str, condition: Any) -> Tensor:
    """The numbers of channels, or the booleans, that a condition is."""
    try:
        given = np.asarray(condition)
    except ValueError as error:
        raise RuleError(f"the condition at {value!r} is ragged: {error}") from error
    given = given.reshape(1) if given.ndim == 0 and given.dtype.kind in "iu" else given
    numbers = given.dtype.kind in "iu" and given.ndim == 1
    if given.size == 0 or not (numbers or (given.dtype.kind == "b" and given.ndim)):
        raise RuleError(
            f"the condition at {value!r} is {condition!r}: give the number of a channel or unit, a list of them, or a "
            "boolean mask along the channels or in the shape of one sample"
        )
    return torch.from_numpy(np.array(given.astype(np.int64) if numbers else given))


def conditioned(graph: Graph, conditions: Sequence[Mapping[str, Any]], keep: frozenset[str]) -> Graph:
    """The graph with these values masked, one mask per condition; they must lie between what is explained and where."""
    values = dict.fromkeys(v for c in conditions for v in c)
    for v in values:
        if v in keep or v not in graph.producer or v not in graph.floating:
            raise RuleError(
                f"a condition at {v!r}: conditions are for floating values between the inputs and what is explained, "
                "see model.graph.values"
            )
    return with_masks(graph, {v: [mask_from(v, c[v]) if v in c else None for c in conditions] for v in values})


def condition_label(condition: Mapping[str, Any]) -> str:
    """How a condition is named on the target axis: "late: 3", "late: 1, 4", "late: mask"."""
    return "; ".join(f"{v}: {_said(mask_from(v, c))}" for v, c in condition.items()) or "no condition"


def _said(mask: Tensor) -> str:
    return "mask" if mask.dtype == torch.bool else ", ".join(map(str, mask.tolist()))
