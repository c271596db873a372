"""Cost per unit of work as one size grows and all others stay: flat or falling, and no step where it jumps.

A unit of work is a floor (one autograd forward pass and input gradient of the same net at the same size), or a floor and a
target where the number of targets grows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from unittest import mock

import torch
from torch import Tensor, nn

from . import nets
from .ask import Ask, explain
from .contest import Net, race
from .job import Job, Settings
from .measured import Measured

#: a size whose cost is this many times that of a smaller one is a jump
JUMP = 1.25
#: at most so many rounds: there are two hundred sizes and methods
ROUNDS = 3


@dataclass(frozen=True)
class Series:
    """`make(size)`, `shape(size)`, `targets(size)`: the net, its data and its targets at each size."""

    name: str
    sizes: tuple[int, ...]
    make: Callable[[int], nn.Module]
    shape: Callable[[int], tuple[int, ...]]
    methods: tuple[str, ...] = ("gradient", "epsilon", "zplus", "deeplift")
    targets: Callable[[int], int] = lambda size: 1
    beside: tuple[str, ...] = ("captum",)

    def jobs(self) -> Iterator[Job]:
        small = self.sizes[: len(self.sizes) // 2]
        for size in self.sizes:
            for method in self.methods:
                run = partial(measure, self, size, method)
                yield Job("scaling", self.name, method, run, size=size, quick=size in small)

    def data(self, size: int) -> Tensor:
        return torch.randn(self.shape(size), generator=torch.Generator().manual_seed(1))


SERIES = (
    Series("image side", (32, 64, 128, 256, 512, 1024), lambda n: nets.plain_conv(4, 16), lambda n: (1, 3, n, n)),
    Series(
        "depth, convolutions", (5, 10, 20, 50, 100, 200), lambda n: nets.plain_conv(n, 16), lambda n: (4, 3, 32, 32)
    ),
    Series(
        "depth, dense",
        (5, 10, 20, 50, 100, 200),
        lambda n: nets.mlp(64, 128, n),
        lambda n: (64, 64),
        ("gradient", "epsilon", "deeplift"),
    ),
    Series("width, channels", (8, 16, 32, 64, 128, 256), lambda n: nets.plain_conv(4, n), lambda n: (4, 3, 32, 32)),
    Series(
        "width, units",
        (128, 512, 1024, 2048, 4096),
        lambda n: nets.mlp(64, n, 2),
        lambda n: (64, 64),
        ("gradient", "epsilon", "deeplift"),
    ),
    Series("batch", (1, 4, 16, 64, 256, 1024), lambda n: nets.plain_conv(4, 16), lambda n: (n, 3, 32, 32)),
    Series(
        "targets",
        (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000),
        lambda n: nets.plain_conv(4, 16, 1000),
        lambda n: (4, 3, 32, 32),
        ("gradient", "epsilon", "zplus", "deeplift"),
        targets=lambda n: n,
        beside=(),
    ),
    Series(
        "tokens",
        (16, 32, 64, 128, 256, 512, 1024),
        lambda n: nets.bert(4, 256),
        lambda n: (1, n, 256),
        ("gradient", "attnlrp"),
    ),
)


def jobs() -> Iterator[Job]:
    for series in SERIES:
        yield from series.jobs()


@functools.lru_cache(maxsize=1)
def net_at(series: Series, size: int) -> Net:
    return Net(partial(series.make, size), series.data(size))


def measure(series: Series, size: int, method: str, settings: Settings) -> Measured:
    targets = series.targets(size)
    ask = Ask(method, series.data(size), tuple(range(targets)), rows=series.shape(size)[0])
    few = replace(
        settings,
        rounds=min(ROUNDS, settings.rounds),
        libraries=tuple(w for w in series.beside if w in settings.libraries),
    )
    result = race(net_at(series, size), ask, few)
    values = {w: v.times(1 / targets) for w, v in result.values.items()}
    unit = "floors" if targets == 1 and series.name != "targets" else "floors per target"
    threads = threads_of(partial(explain, net_at(series, size).model, ask))
    return Measured("scaling", series.name, method, unit, values, result.floor_ms, failed=result.failed, size=size, threads=threads)


def threads_of(call: Callable[[], object]) -> int:
    """How many threads torch may use during an explanation: one, where there is little to do."""
    with mock.patch.object(torch, "set_num_threads", wraps=torch.set_num_threads) as changed:
        call()
    return min([torch.get_num_threads(), *(c.args[0] for c in changed.call_args_list)])


def jumps(rows: Sequence[Measured]) -> list[str]:
    """A sentence for every size whose cost lies, with its whole spread, above `JUMP` times that of a smaller one with as many threads:
    where another joins in, the work of one is done by two, who wait for each other."""
    found = []
    lines = {(r.case, r.method, r.threads): None for r in rows if r.part == "scaling"}
    for line in lines:
        least: Measured | None = None
        for r in sorted((r for r in rows if (r.case, r.method, r.threads) == line and r.part == "scaling"), key=_size):
            if "onnxplain" not in r.values:
                continue
            cost = r.values["onnxplain"]
            if least is not None and cost.low > JUMP * least.values["onnxplain"].median:
                before = least.values["onnxplain"].median
                found.append(f"{r.case}, {r.method}: {before:.3g} at {least.size}, {cost.median:.3g} at {r.size}")
            if least is None or cost.median < least.values["onnxplain"].median:
                least = r
    return found


def _size(row: Measured) -> int:
    assert row.size is not None
    return row.size
