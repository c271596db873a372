"""Interleaved rounds: everything once, then again, so that a busy machine slows all alike; CPU time, medians, spread."""

from __future__ import annotations

import gc
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

#: a measurement of something fast repeats it until it takes this many seconds
LEAST = 0.08
#: what takes longer than this many seconds is run once, the floor and ours twice; peers are slow sooner
SLOW, SLOW_PEER = 4.0, 1.0
#: peers run in this part of the rounds, but twice at least: verdicts rest on ours and the floor
FEWER = 0.6

Call = Callable[[], object]


class Took(float):
    """CPU seconds, of all threads together; `wall`: seconds by the clock on the wall."""

    wall: float

    @classmethod
    def of(cls, cpu: float, wall: float) -> Took:
        took = cls(cpu)
        took.wall = wall
        return took


Seconds = dict[str, list[Took]]


@dataclass(frozen=True)
class Spread:
    """The median of some numbers and their quartiles (of fewer than four: the least and the largest)."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        middle = statistics.median(numbers)
        if len(numbers) < 4:
            return cls(middle, min(numbers), max(numbers))
        low, _, high = statistics.quantiles(numbers, n=4, method="inclusive")
        return cls(middle, low, high)

    def times(self, factor: float) -> Spread:
        return Spread(self.median * factor, self.low * factor, self.high * factor)


def cpu_seconds() -> float:
    """Of this process, all threads, and of the processes that it has waited for."""
    waited = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + waited.ru_utime + waited.ru_stime


def interleaved(
    calls: Mapping[str, Call], rounds: int, limit: float, always: Sequence[str], least: float = LEAST
) -> tuple[Seconds, dict[str, str]]:
    """Seconds of one call of each, by round; and of those that fail, what they say.

    Two rounds at least, then none after `limit` CPU seconds. Those in `always` take part in every round, the others in
    fewer; who is slow runs once or twice.
    """
    first, failed = {}, {}
    for name, call in calls.items():
        try:
            first[name] = _first(call, SLOW if name in always else SLOW_PEER)
        except Exception as error:  # noqa: BLE001 — whatever a library raises, the others go on
            failed[name] = f"{type(error).__name__}: {error}".partition("\n")[0]
    slow = {name: s > (SLOW if name in always else SLOW_PEER) for name, s in first.items()}
    repeats = {name: max(1, min(1000, int(least / max(s, 1e-6)))) for name, s in first.items()}
    seen: Seconds = {name: [s] if slow[name] else [] for name, s in first.items()}
    fewer = max(2, round(FEWER * rounds))
    turns = {name: int(name in always) if s else rounds if name in always else fewer for name, s in slow.items()}
    began = cpu_seconds()
    for i in range(rounds):
        if i >= 2 and cpu_seconds() - began > limit:
            break
        for name, seconds in seen.items():
            if i < turns[name]:
                seconds.append(seconds_of(calls[name], repeats[name]))
    return seen, failed


def ratio(seen: Seconds, who: str, floor: str, wall: bool = False) -> Spread:
    """seconds(who) / seconds(floor), round by round where both ran in each, else to the floor's median; CPU's, or those on the
    wall."""
    mine, base = ([t.wall for t in seen[w]] if wall else seen[w] for w in (who, floor))
    if 1 < len(mine) <= len(base):
        return Spread.of([m / b for m, b in zip(mine, base, strict=False)])
    return Spread.of([m / statistics.median(base) for m in mine])


def medians(calls: Mapping[str, Call], rounds: int, limit: float) -> dict[str, float]:
    """CPU seconds of one call of each, the median over rounds."""
    seen, failed = interleaved(calls, rounds, limit, list(calls))
    if failed:
        raise RuntimeError("; ".join(f"{name}: {said}" for name, said in failed.items()))
    return {name: statistics.median(s) for name, s in seen.items()}


def seconds_of(call: Call, repeats: int = 1) -> Took:
    """Seconds of one of `repeats` calls; of a call that asks another process, those that it says were spent there."""
    gc.collect()
    gc.disable()
    there = getattr(call, "elsewhere", None)
    began, begin = time.perf_counter(), cpu_seconds()
    for _ in range(repeats):
        call()
    spent = cpu_seconds() - begin if there is None else call.elsewhere - there  # type: ignore[attr-defined]
    wall = time.perf_counter() - began
    gc.enable()
    return Took.of(spent / repeats, wall / repeats)


def _first(call: Call, slow: float) -> Took:
    """Seconds of the second call, or of the first where that is slow: first calls make caches and pages."""
    once = seconds_of(call)
    return once if once > slow else seconds_of(call)
