"""A case: a net at some data, explained for some targets by some methods, in units of one forward and backward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from .. import ask as ours
from ..ask import Ask
from ..clock import Call, Spread
from ..contest import Net, differences, race
from ..job import Job, Settings
from ..measured import Measured
from ..peers import autograd
from ..products import products

IMAGES = ("gradient", "epsilon", "zplus", "alpha2beta1", "gamma", "deeplift")
FEW = ("gradient", "epsilon", "deeplift")
ATTENTION = ("gradient", "attnlrp", "deeplift")


@dataclass(frozen=True)
class Case:
    """`without`: libraries that would take minutes. `per_node`: its time is given in µs per node, of the walk alone beside the whole `explain`. `compared`: the numbers
    are compared too, in float64, which takes its time."""

    name: str
    make: Callable[[], nn.Module]
    shape: tuple[int, ...]
    methods: tuple[str, ...]
    targets: tuple[int, ...] = (3,)
    n: int = 50
    n_references: int = 100
    without: tuple[str, ...] = ()
    per_node: bool = False
    compared: bool = True
    quick: bool = False
    long: bool = False

    def jobs(self) -> Iterator[Job]:
        for method in self.methods:
            yield Job("speed", self.name, method, partial(measure, self, method), quick=self.quick, long=self.long)

    def data(self) -> Tensor:
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(1))

    def ask(self, method: str) -> Ask:
        # the chunk that captum's integrated gradients were fastest with: one to two batches
        rows = max(self.shape[0], min(2 * self.shape[0], 512))
        made = torch.randn((self.n_references, *self.shape[1:]), generator=torch.Generator().manual_seed(2))
        references = made if method in ("deepshap", "expected") else None
        return Ask(method, self.data(), self.targets, n=self.n, rows=rows, references=references)


@functools.lru_cache(maxsize=1)
def net_of(case: Case) -> Net:
    """One case's net at a time: the jobs of a case follow each other."""
    return Net(case.make, case.data())


def measure(case: Case, method: str, settings: Settings) -> Measured:
    net, ask = net_of(case), case.ask(method)
    settings = replace(settings, libraries=tuple(w for w in settings.libraries if w not in case.without))
    compared = differences(net, ask, settings.libraries) if case.compared else {}
    alone = products(partial(autograd, net.net, ask.x, ask.targets[:1]), net.net.parameters())
    calls: dict[str, Call] = {} if alone is None else {"products": alone}
    if not case.per_node:
        result = race(net, ask, settings, calls)
        return Measured("speed", case.name, method, "floors", result.values, result.floor_ms, compared, result.failed)
    calls |= {"onnxplain": ours.walk(net.model, ask), "explain()": partial(ours.explain, net.model, ask)}
    result = race(net, ask, settings, calls)
    micro = 1e3 * result.floor_ms / len(net.model.graph.nodes)  # per node, of one floor
    values = {w: v.times(micro) for w, v in result.values.items()} | {"autograd": Spread(micro, micro, micro)}
    return Measured("speed", case.name, method, "µs per node", values, result.floor_ms, compared, result.failed)


def numbered(n: int) -> tuple[int, ...]:
    return tuple(range(n))
