"""Walks of many targets, which go on few at a time as soon as what they carry is large.

Where relevance is small, as in the dense layers on top of convolutions, all targets pass a layer at once, and its weights are read
once for all of them. Where it is large, no more are walked together than caches hold. Rules treat targets apart, so that the
numbers are those of any other grouping.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from .plan import Backward, Trace

#: relevance by slot, and whether nobody else holds it
Slots = list[Tensor | None]
#: passes the nodes between two places of a walk
Pass = Callable[[int, int, Slots, list[bool]], None]


def passing(walk: Backward, trace: Trace, few: int) -> list[int]:
    """How many targets may pass each node together: as many as take no more there than `few` do where values are largest."""
    slots = trace.slots
    sizes = [max([x.numel() for i in touched if (x := slots[i]) is not None], default=0) for touched, _, _ in walk.moves]
    most = max(sizes, default=0)
    return [max(few, few * most // max(size, 1)) for size in sizes]


def in_parts(allowed: Sequence[int], at: int, relevance: Slots, owned: list[bool], through: Pass, found: list[Slots]) -> None:
    """The walk from node `at` on; what it ends with, part after part, is added to what was found."""
    alive = [i for i, r in enumerate(relevance) if r is not None]
    if not alive:
        return
    n = relevance[alive[0]].shape[0]  # type: ignore[union-attr]
    to = next((k for k in range(at, len(allowed)) if allowed[k] < n), len(allowed))
    through(at, to, relevance, owned)
    if to == len(allowed):
        found.append(relevance)
        return
    each = -(-n // -(-n // allowed[to]))  # as few parts of one size
    for start in range(0, n, each):
        part = [None if r is None else r[start : start + each] for r in relevance]
        in_parts(allowed, to, part, list(owned), through, found)


def joined(found: Sequence[Slots], wanted: Mapping[str, int]) -> dict[str, Tensor]:
    """Relevance of all parts at the wanted values (by their slots) that it reached."""
    parts = {v: [r for slots in found if (r := slots[i]) is not None] for v, i in wanted.items()}
    return {v: rs[0] if len(rs) == 1 else torch.cat(rs) for v, rs in parts.items() if rs}
