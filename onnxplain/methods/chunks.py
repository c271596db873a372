"""How many samples and targets go through one walk: by the memory that one sample needs, measured once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import InputError
from ..graph.plan import Backward, Trace

#: what a walk may use when nothing is asked for: small enough that a chunk's working set stays near the caches,
#: large enough that each call has work to do
AUTO_BYTES = 32 * 2**20
#: the same where nodes run step by step: what a step reads is small anyway, and each chunk goes through all steps
STEPPED_BYTES = 256 * 2**20
#: temporaries of a rule, in units of the values it reads and makes
TEMPORARIES = 3


@dataclass(frozen=True)
class Need:
    """Bytes for one sample: `kept` by the forward pass, `walk` for each target on the way back."""

    kept: int
    walk: int


@dataclass(frozen=True)
class Sizes:
    """Samples and targets per walk; `fit` rows fit altogether (repetitions of samples included)."""

    samples: int
    targets: int
    fit: int


def measure(trace: Trace, walks: Sequence[Backward], rows: int, traces: int) -> Need:
    """What one sample of this forward pass (of `rows` samples) needs."""
    size = _bytes(trace)
    walk = max((_peak(trace, b, size) for b in walks), default=0)
    return Need(_kept(trace, size) * traces // rows, walk // rows)


def _bytes(trace: Trace) -> list[int]:
    """Of every value's numbers, by slot; a stand-in counts as what it stands for."""
    return [0 if x is None else x.numel() * x.element_size() for x in trace.slots]


def _kept(trace: Trace, size: Sequence[int]) -> int:
    own = (b for x, b in zip(trace.slots, size, strict=True) if x is not None and (x.numel() <= 1 or any(x.stride())))
    return sum(own)  # stand-ins own no memory


def _peak(trace: Trace, backward: Backward, size: Sequence[int]) -> int:
    """The most bytes of relevance alive at once on one walk, for one target, with each rule's temporaries."""
    alive = dict.fromkeys([backward.index[v] for v in backward.seeds], True)
    total = peak = sum(size[slot] for slot in alive)
    for visit, (touched, released, taken) in zip(backward.visits, backward.moves, strict=True):
        own = TEMPORARIES * max([size[slot] for slot in touched])
        if visit.node.kind == "Control":
            inside = visit.rule.within(visit.site(trace, None, None))
            own = max([own, *(_kept(t, s) + _peak(t, b, s) for t, b, s in ((t, b, _bytes(t)) for t, b in inside))])
        peak = max(peak, total + own)
        for slot in released:
            if alive.pop(slot, False):
                total -= size[slot]
        for slot in taken:
            if slot not in alive:
                alive[slot] = True
                total += size[slot]
    return peak


def bytes_from(limit: Any) -> int | None:
    """A number of bytes, or text as "512MB", "2 GiB"."""
    if limit is None:
        return None
    if isinstance(limit, str):
        found = re.fullmatch(r"\s*(\d+\.?\d*)\s*([kmgt]?)(i?)b?\s*", limit.lower())
        if not found:
            raise InputError(f"max_memory={limit!r} is no amount of memory: write 2e9, '512MB' or '2GiB'")
        base = 1024 if found[3] else 1000
        return int(float(found[1]) * base ** " kmgt".index(found[2] or " "))
    if isinstance(limit, bool) or not isinstance(limit, (int, float, np.number)) or not 0 < limit < float("inf"):
        raise InputError(f"max_memory={limit!r}: give a number of bytes > 0")
    return int(limit)


def sizes(
    need: Need,
    n_samples: int,
    n_targets: int,
    chunk_size: Any,
    max_memory: int | None,
    fixed: int | None,
    stepped: bool = False,
) -> Sizes:
    """`fixed`: the number of rows the model insists on; `stepped`: nodes run step by step. Raises `InputError` where even
    one sample is too much."""
    least = (need.kept + need.walk) * (fixed or 1)
    if max_memory is not None and least > max_memory:
        raise InputError(
            f"one {'sample' if not fixed else f'batch of {fixed}'} with one target needs about {least / 1e6:.0f} MB, more than "
            f"max_memory={max_memory / 1e6:.0f} MB: raise it, or cut the model with inputs=/outputs="
        )
    auto = STEPPED_BYTES if stepped else AUTO_BYTES
    budget = auto if max_memory is None else min(auto, max_memory)
    if not isinstance(chunk_size, str) or chunk_size != "auto":
        given = tuple(chunk_size) if isinstance(chunk_size, (tuple, list)) else (chunk_size, n_targets)
        whole = all(isinstance(c, (int, np.integer)) and not isinstance(c, bool) and c >= 1 for c in given)
        if len(given) != 2 or not whole:
            raise InputError(f"chunk_size={chunk_size!r}: give 'auto', samples, or (samples, targets), whole numbers >= 1")
        samples, targets = int(given[0]), min(int(given[1]), n_targets)
        if max_memory is not None:
            targets = max(1, min(targets, (max_memory // (fixed or 1) - need.kept) // max(need.walk, 1)))
            samples = max(1, min(samples, max_memory // max(need.kept + need.walk * targets, 1)))
        return Sizes(fixed or min(samples, n_samples), targets, fixed or samples)
    most = max(budget // 2, budget - need.kept * (fixed or 1)) if max_memory is None else budget - need.kept * (fixed or 1)
    targets = max(1, min(n_targets, most // max(need.walk * (fixed or 1), 1)))
    fit = max(1, budget // max(need.kept + need.walk * targets, 1))
    return Sizes(fixed or min(fit, n_samples), targets, fixed or fit)
