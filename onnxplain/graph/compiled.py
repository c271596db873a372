"""Plans through torch.compile: the same calls, traced once per set of shapes and run as one compiled function.

A plan is ordinary torch code on tensors, so that it can be traced without numbers; what decides by a number cannot be
compiled, and says so. A set of shapes is compiled when it is met for the second time: compiling takes as long as thousands of
small walks, and the last chunk of a call is often smaller than the others.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from ..errors import InputError, first_line
from .pairing import Pairing
from .plan import Backward, Forward, Trace
from .visit import Observer

Tensors = list[Tensor]
#: shapes, strides, types and devices of what a function is given, and what else it depends on
Signature = tuple[Any, ...]


@dataclass(eq=False)
class Functions:
    """The compiled forms of one plan. `met`: signatures that were run as they are, with what is known of them since."""

    made: dict[Signature, Callable[..., Tensors]] = field(default_factory=dict)
    met: dict[Signature, Any] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def of(self, signature: Signature, call: Callable[..., Tensors], given: Sequence[Tensor]) -> Callable[..., Tensors]:
        with self.lock:
            if signature not in self.made:
                with torch.inference_mode(False), torch.no_grad():
                    self.made[signature] = _compiled(call, given)
            return self.made[signature]


_FUNCTIONS: WeakKeyDictionary[Forward | Backward, Functions] = WeakKeyDictionary()
_LOCK = threading.Lock()


def _functions(plan: Forward | Backward) -> Functions:
    with _LOCK:
        return _FUNCTIONS.setdefault(plan, Functions())


def _compiled(call: Callable[..., Tensors], given: Sequence[Tensor]) -> Callable[..., Tensors]:
    from torch.fx.experimental.proxy_tensor import make_fx

    given = [x.clone() for x in given]  # tracing knows no tensors of inference mode
    try:
        traced = make_fx(call, tracing_mode="fake", _allow_non_fake_inputs=True)(*given)
    except Exception as error:
        raise InputError(
            f"compile=True: the model cannot be traced, as its calls depend on numbers ({first_line(error)}); explain it without"
        ) from error
    function: Callable[..., Tensors] = torch.compile(traced, fullgraph=True, dynamic=False)
    try:
        function(*given)
    except Exception as error:
        raise InputError(f"compile=True: torch.compile failed ({first_line(error)}); on a CPU it needs a C++ compiler") from error
    return function


def _signature(xs: Sequence[Any]) -> Signature:
    return tuple([(x.shape, x.stride(), x.dtype, x.device) if isinstance(x, Tensor) else None for x in xs])


@dataclass(frozen=True, eq=False)
class CompiledForward:
    """A `Forward` whose calls are one compiled function; the rest is the plan's."""

    plan: Forward

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plan, name)

    def run(self, feeds: Mapping[str, Tensor]) -> Trace:
        plan, functions = self.plan, _functions(self.plan)
        given = [feeds[v] for v in plan.feeds]
        signature = _signature(given)
        if signature not in functions.met:
            trace = plan.run(feeds)
            freed = {i for call in plan.calls for i in call[-1]}
            functions.met[signature] = {i: trace.slots[i] for i in freed}
            return trace
        known = [plan.index[v] for v in (*plan.feeds, *plan.constants)]
        stand_ins = functions.met[signature]
        computed = [i for i in dict.fromkeys(plan.index.values()) if i not in stand_ins and i not in known]

        def call(*xs: Tensor) -> Tensors:
            slots = plan.run(dict(zip(plan.feeds, xs, strict=True))).slots
            return [_tensor(slots[i]) for i in computed]

        slots: list[Tensor | None] = [None] * plan.size
        for i, x in zip(computed, functions.of(signature, call, given)(*given), strict=True):
            slots[i] = x
        for i, x in [*zip(known, [*given, *plan.constants.values()], strict=True), *stand_ins.items()]:
            slots[i] = x
        return Trace(slots, plan.index)


def _tensor(x: Any) -> Tensor:
    if not isinstance(x, Tensor):
        raise TypeError(f"a value that is no tensor but {type(x).__name__}")
    return x


@dataclass(frozen=True, eq=False)
class CompiledBackward:
    """A `Backward` whose calls are one compiled function; an observer needs to see them and gets them as they are."""

    plan: Backward
    hot = None  # what is compiled is given tensors

    def __getattr__(self, name: str) -> Any:
        return getattr(self.plan, name)

    def run(
        self,
        trace: Trace,
        seeds: Mapping[str, Tensor],
        trace0: Trace | None = None,
        pairing: Pairing | None = None,
        observe: Observer | None = None,
        rows: int = 1,
        few: int = 0,  # what is compiled is walked whole
    ) -> dict[str, Tensor]:
        plan, functions = self.plan, _functions(self.plan)
        if observe is not None:
            return plan.run(trace, seeds, trace0, pairing, observe, rows)
        slots = [*trace.slots, *(trace0.slots if trace0 is not None else []), *seeds.values()]
        signature = (pairing, tuple(seeds), trace0 is None, rows, _signature(slots))
        if signature not in functions.met:
            found = plan.run(trace, seeds, trace0, pairing, None, rows)
            functions.met[signature] = tuple(found)
            return found
        held = [i for i, x in enumerate(slots) if isinstance(x, Tensor)]
        n, names = len(trace.slots), functions.met[signature]
        index0 = trace0.index if trace0 is not None else {}

        def call(*xs: Tensor) -> Tensors:
            all_slots: list[Any] = [None] * len(slots)
            for i, x in zip(held, xs, strict=True):
                all_slots[i] = x
            here = Trace(all_slots[:n], trace.index)
            there = Trace(all_slots[n : len(slots) - len(seeds)], index0) if trace0 is not None else None
            begins = dict(zip(seeds, all_slots[len(slots) - len(seeds) :], strict=True))
            return list(plan.run(here, begins, there, pairing, None, rows).values())

        given = [x for x in slots if isinstance(x, Tensor)]
        return dict(zip(names, functions.of(signature, call, given)(*given), strict=True))


def compiled(plan: Forward | Backward) -> Any:
    """The plan with the same `run`, compiled."""
    return CompiledForward(plan) if isinstance(plan, Forward) else CompiledBackward(plan)
