"""Interleaved rounds: everything once, then again, and medians, so that a busy machine slows all alike."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

#: a measurement of something fast repeats it until it takes this many seconds
LEAST = 0.03
#: what takes longer than this is run once
SLOW = 4.0


def medians(calls: Mapping[str, Callable[[], object]], rounds: int, limit: float) -> dict[str, float]:
    """CPU seconds of one call of each, the median over rounds; at least two rounds, then none after `limit` seconds."""
    first = {name: _first(call) for name, call in calls.items()}
    repeats = {name: max(1, min(1000, int(LEAST / max(s, 1e-6)))) for name, s in first.items()}
    seen: dict[str, list[float]] = {name: [s] if s > SLOW else [] for name, s in first.items()}
    began = time.perf_counter()
    for i in range(rounds):
        if i >= 2 and time.perf_counter() - began > limit:
            break
        for name, call in calls.items():
            if first[name] <= SLOW:
                seen[name].append(_seconds(call, repeats[name]))
    return {name: statistics.median(s) for name, s in seen.items()}


def _first(call: Callable[[], object]) -> float:
    """Seconds of the second call, or of the first where that is slow: first calls make caches and pages."""
    once = _seconds(call, 1)
    return once if once > SLOW else _seconds(call, 1)


def _seconds(call: Callable[[], object], repeats: int) -> float:
    gc.collect()
    gc.disable()
    begin = time.process_time()
    for _ in range(repeats):
        call()
    spent = time.process_time() - begin
    gc.enable()
    return spent / repeats
