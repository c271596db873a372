"""What is small is computed by the calling thread alone.

To hand a part of an operation to another thread and to wait for it takes some microseconds where threads wait spinning, for which
they keep a core busy, and tens of them where they sleep. torch does so for sums of more than 32,768 numbers and for all but the
smallest products, so that on two threads small nets take twice the processor time without being faster.
"""

from __future__ import annotations

from functools import cache
from types import TracebackType
from typing import Any

import torch

from ..targets import expected
from .base import Method
from .problem import Problem

#: multiply-adds per node, in all forward passes of a call, that other threads would have to take over for it to be worth it. With two
#: threads, one of which takes the half, small nets take up to a quarter less time there than with one, for half as much more of the
#: processor, where threads wait spinning; twice the time where they sleep; and at a third of it the same time or more
WORTH = 2_000_000


@cache
def choosable() -> bool:
    """Whether threads can have numbers of threads of their own, as OpenMP lets them; other builds of torch decide once for all."""
    return "backend: OpenMP" in torch.__config__.parallel_info()


class Alone:
    """While entered, torch uses no other threads than the calling one."""

    def __enter__(self) -> None:
        self.before = torch.get_num_threads()
        torch.set_num_threads(1)  # of this thread; one that begins meanwhile starts with the same

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        torch.set_num_threads(self.before)


def passes(problem: Problem, method: Method, prepared: Any) -> int:
    """How many forward passes of a sample a method's walks are worth: one for each target and point."""
    targets = max([expected(a.target, problem.outputs[a.at[0].output].sample_shape) for a in problem.asked])
    return targets * max(1, len(method.variants())) * method.n_walks(prepared)
