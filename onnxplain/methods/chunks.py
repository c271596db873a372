"""How many samples and targets go through one walk: by the memory that one sample needs, measured once."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from ..errors import InputError
from ..graph.graph import Graph
from ..graph.plan import Backward, Forward, Trace

#: what is read and made at a time should stay near the caches: a value of all samples, and its relevance for all targets, on
#: average over a walk's values; kernels have a price of their own, and each has work to do then (measured on nets of all kinds
#: whose best chunks lie within a factor of two of this)
CACHED_BYTES = 5 * 2**20
#: targets beyond which samples are as welcome: what is made once for all targets of a walk is by then a small part
MANY = 64
#: and what all values of a walk may take when nothing is asked for
MOST_BYTES = 256 * 2**20
#: the same on an accelerator, whose kernels want more at a time than caches hold
ACCELERATOR_BYTES = 2**30
#: where the weights are larger: values that are this many times as large in all, as every chunk reads the weights anew
PER_WEIGHT = 4
#: what the sums of all targets may take where nothing is asked
AUTO_SUMS = 256 * 2**20
#: temporaries of a rule, in units of the values it reads and makes
TEMPORARIES = 3
#: how often what comes out for a target is there at once: the sum, the next part of it, both brought to the inputs
COPIES = 3
#: bytes of a number, where its type is not looked at
WIDTH = 4
#: the share of `max_memory` that one walk may take, and what is planned for where there is a choice: the rest is for what
#: kernels make for themselves, and for gaps between what is allocated
PLANNED, CHOSEN = 1.0, 0.5
#: how many targets are tried to see what one more takes, in units of the fewest
TRIED = 16
#: and the share of `max_memory` after which what was freed goes back to the system
AT_ONCE = 1 / 32


@dataclass(frozen=True)
class Need:
    """Bytes: `fixed`, and for each row `row`, and `target` for each target. `out`: what one target's attribution of one
    sample takes; `weights`: what a walk reads whatever its rows are. `numbers` of `width` bytes: of one sample's forward pass,
    in so many `values`, where they were counted."""

    row: int
    target: int
    fixed: int = 0
    out: int = 0
    weights: int = 0
    numbers: int = 0
    values: int = 0
    width: int = WIDTH

    def for_traces(self, traces: int, width: int) -> Need:
        """The same for so many forward passes, and for numbers of so many bytes instead of `WIDTH`."""
        if traces == 1 and width == WIDTH:
            return self
        row, target, out = (each * width // WIDTH for each in (self.row * traces, self.target, self.out))
        return replace(self, row=row, target=target, out=out, width=width)

    def usual(self, rows: int, n_samples: int, n_targets: int, budget: int, cached: int | None) -> tuple[int, int]:
        """How many rows, `rows` at least, and targets a walk takes when nothing is asked for: all in `budget` bytes, and, where
        caches are to be kept to, a value and its relevance in `cached` on average."""
        row, target = max(self.row, 1), max(self.target, 1)
        targets = min(n_targets, (budget - row * rows) // (target * rows))
        if cached is None or not self.values:
            targets = max(1, targets)
            return max(rows, budget // (row + target * targets)), targets
        made = max(self.width * self.numbers, 1)
        pairs = cached * self.values // made
        beside = max(rows, min(n_samples, pairs // (1 + MANY)))
        targets = max(1, min(targets, pairs // beside - 1))
        near = max(pairs, PER_WEIGHT * self.weights // made) // (1 + targets)
        return max(rows, min(near, budget // (row + target * targets))), targets

    def of(self, rows: int, targets: int) -> int:
        return self.fixed + rows * (self.row + targets * self.target)

    def rows(self, budget: int, targets: int, group: int) -> int:
        """How many rows fit, the sums of `group` targets included."""
        return (budget - self.fixed) // max(self.row + targets * self.target + COPIES * group * self.out, 1)

    def targets(self, budget: int, rows: int) -> int:
        """How many targets fit."""
        return (budget - self.fixed - rows * self.row) // max(rows * self.target, 1)


@dataclass(frozen=True)
class Sizes:
    """Samples and targets per walk (of targets, where values are largest: see `graph/parting.py`); `fit` rows fit altogether
    (repetitions of samples included). `group`: targets whose sums are in memory at once: where that is not all, forward passes
    are made anew for each group."""

    samples: int
    targets: int
    fit: int
    group: int


def measure(trace: Trace, walks: Sequence[Backward], rows: int, traces: int) -> Need:
    """What one sample of this forward pass (of `rows` samples) needs, by the sizes of its values."""
    size = _bytes(trace)
    walk = max((_peak(trace, b, size) for b in walks), default=0)
    weights, numbers = max((b.weights for b in walks), default=0), sum(size) // (WIDTH * rows)
    return Need(_kept(trace, size) * traces // rows, walk // rows, 0, 0, weights, numbers, sum(1 for b in size if b))


def foreseen(graph: Graph, clean: Forward, walks: Sequence[Backward], read: Sequence[str]) -> Need | None:
    """The same before any forward pass, for one forward pass and numbers of four bytes, where the shapes in the graph say it.
    `read`: the values at which attributions are read."""
    numbers = _numbers(graph, clean)
    if numbers is None or any(v.node.kind == "Control" for b in walks for v in b.visits):
        return None
    size, freed = [WIDTH * n for n in numbers], {slot for call in clean.calls for slot in call[-1]}
    kept = sum(b for slot, b in enumerate(size) if slot not in freed)
    walk = max((_peak(None, b, size) for b in walks), default=0)
    out = sum(size[clean.index[v]] for v in dict.fromkeys(read) if v in clean.index)
    weights = max((b.weights for b in walks), default=0)
    return Need(kept, walk, 0, out, weights, sum(numbers), sum(1 for n in numbers if n))


def _numbers(graph: Graph, clean: Forward) -> list[int] | None:
    """By slot, how many numbers one sample has there, a first axis of free size being the samples'; None where shapes are not
    known as well as that."""
    found = [0] * clean.size
    for v, slot in clean.index.items():
        if v in clean.constants:
            continue
        if not (shape := graph.shapes.get(v)) or None in shape[1:]:
            return None
        found[slot] = prod([n for n in shape if n is not None])
    return found


def as_foreseen(need: Need, trace: Trace, rows: int) -> bool:
    """Whether a forward pass of so many samples made no more numbers than was foreseen."""
    return sum([x.numel() for x in trace.slots if x is not None]) <= rows * need.numbers


def metered(peak: Callable[[int, int], int], fixed: int | None, targets: int, limit: int, n_targets: int) -> Need:
    """What walks need, from what they were seen to need: `peak(rows, targets)` of one walk. `fixed`: the number of rows, where
    no other is possible; `targets`: the fewest, of `n_targets` altogether. What would exceed the limit is not tried."""
    rows = fixed or 1
    least = peak(rows, targets)
    if 2 * least > CHOSEN * limit:  # taken for what grows with everything
        return Need(0, -(-least // (rows * targets)))
    # of few targets the peak may be elsewhere than of many, and it grows faster the more there are
    many = min(TRIED, n_targets // targets, int(CHOSEN * limit // max(least, 1)))
    few = max(1, many // 2)
    less, most = (peak(rows, k * targets) if k > 1 else least for k in (few, many))
    target = max(0, most - less) // (rows * targets * (many - few)) if many > few else 0
    more = least if fixed else max(0, peak(2 * rows, targets) - least)
    row = max(0, more // rows - targets * target)
    return Need(row, target, max(0, least - rows * (row + targets * target)))


def _bytes(trace: Trace) -> list[int]:
    """Of every value's numbers, by slot; a stand-in counts as what it stands for."""
    return [0 if x is None else x.numel() * x.element_size() for x in trace.slots]


def _kept(trace: Trace, size: Sequence[int]) -> int:
    own = (b for x, b in zip(trace.slots, size, strict=True) if x is not None and (x.numel() <= 1 or any(x.stride())))
    return sum(own)  # stand-ins own no memory


def _peak(trace: Trace | None, backward: Backward, size: Sequence[int]) -> int:
    """The most bytes of relevance alive at once on one walk, for one target, with each rule's temporaries."""
    alive = dict.fromkeys([backward.index[v] for v in backward.seeds], True)
    total = peak = sum(size[slot] for slot in alive)
    for visit, (touched, released, taken) in zip(backward.visits, backward.moves, strict=True):
        own = TEMPORARIES * max([size[slot] for slot in touched])
        if visit.node.kind == "Control":
            assert trace is not None
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


@lru_cache(maxsize=64)
def usual_sizes(need: Need, n_samples: int, n_targets: int, together: int) -> Sizes:
    """`sizes` where nothing is asked for."""
    return sizes(need, n_samples, n_targets, "auto", None, None, together=together)


def given_rows(chunk_size: Any) -> int:
    """The samples that `chunk_size` asks for; one where it is wrong, which `sizes` says."""
    rows = chunk_size[0] if isinstance(chunk_size, (tuple, list)) and chunk_size else chunk_size
    return int(rows) if isinstance(rows, (int, np.integer)) and rows >= 1 else 1


def even(n: int, most: int) -> int:
    """The size of chunks of n that have no more than `most`: as few as can be, and alike."""
    return -(-n // -(-n // most))


def sizes(
    need: Need,
    n_samples: int,
    n_targets: int,
    chunk_size: Any,
    max_memory: int | None,
    fixed: int | None,
    roomy: int | None = None,
    together: int = 1,
    usual: Need | None = None,
) -> Sizes:
    """`usual`: what walks need by the sizes of their values, where `need` was metered; `fixed`: the number of rows the model
    insists on; `roomy`: what a walk may take where caches do not matter; `together`: targets that cannot be taken apart. Raises `InputError` where
    even one sample is too much."""
    rows = fixed or 1
    sums = max(COPIES * rows * need.out, 1)  # what one target adds to all walks
    group = max(together, min(n_targets, AUTO_SUMS // sums))
    if max_memory is not None:
        planned, least = int(PLANNED * max_memory), need.of(rows, together)
        if least > planned:
            raise InputError(
                f"one {'sample' if not fixed else f'batch of {fixed}'} with one target needs about {least / PLANNED / 1e6:.3g} MB, "
                f"more than max_memory={max_memory / 1e6:.3g} MB: raise it, or cut the model with inputs=/outputs="
            )
        chosen = max(int(CHOSEN * max_memory), least)
        group = max(together, min(group, chosen // 4 // sums, (chosen - least) // sums))
        bound = chosen - sums * group
    group = group // together * together
    auto = isinstance(chunk_size, str) and chunk_size == "auto"
    if not auto:
        given = tuple(chunk_size) if isinstance(chunk_size, (tuple, list)) else (chunk_size, n_targets)
        whole = all(isinstance(c, (int, np.integer)) and not isinstance(c, bool) and c >= 1 for c in given)
        if len(given) != 2 or not whole:
            raise InputError(f"chunk_size={chunk_size!r}: give 'auto', samples, or (samples, targets), whole numbers >= 1")
        fit, targets = int(given[0]), min(int(given[1]), n_targets)
    else:
        fit, targets = (usual or need).usual(rows, n_samples, n_targets, roomy or MOST_BYTES, None if roomy else CACHED_BYTES)
    if max_memory is not None:
        targets = max(together, min(targets, group, need.targets(bound, rows)))
        fit = max(1, min(fit, need.rows(chosen, targets, group)))
    some = even(n_samples, fit) if auto else min(fit, n_samples)
    return Sizes(fixed or some, targets, fixed or fit, group)
