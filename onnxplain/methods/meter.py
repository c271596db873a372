"""Meter: the most memory that torch's operations held at once, counted while they ran."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch._C import DispatchKey
from torch.utils._python_dispatch import TorchDispatchMode

#: so few bytes are not counted: a number alone, as stands for a value that was freed, takes no more
FEW = 64


class Meter(TorchDispatchMode):
    """`peak` bytes of all tensors made inside, what was freed by then left out; views count as what they look at. What was
    there before costs nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.peak = 0
        self.now = 0
        self.alive: dict[int, list[int]] = {}  # address of the memory: [bytes, tensors that look at it]

    def count(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        if _composite(func):  # what is made of several operations is counted by them
            with self:
                return func._op_dk(DispatchKey.CompositeImplicitAutograd, *args, **(kwargs or {}))
        made = func(*args, **(kwargs or {}))
        before = {_address(x) for x in _tensors([*args, *(kwargs or {}).values()])}
        for x in _tensors([made]):
            self._see(x, before)
        self.peak = max(self.peak, self.now + _scratch(func, args, made))
        return made

    def _see(self, x: Tensor, before: set[int]) -> None:
        at = _address(x)
        size = x.untyped_storage().nbytes()
        if at == 0 or size <= FEW or (at in before and at not in self.alive):
            return
        if at not in self.alive:
            self.alive[at] = [size, 0]
            self.now += self.alive[at][0]
        self.alive[at][1] += 1
        weakref.finalize(x, self._gone, at).atexit = False

    def _gone(self, at: int) -> None:
        size, watchers = self.alive[at]
        if watchers == 1:
            self.now -= size
            del self.alive[at]
        else:
            self.alive[at][1] -= 1


# not written as a method: torch would wrap it, and load its whole compiler to do so
Meter.__torch_dispatch__ = Meter.count  # type: ignore[assignment, method-assign]


class GivingBack(TorchDispatchMode):
    """What was freed goes back to the system each time operations have made `each` bytes: the C library would keep it, in gaps
    between what is in use, and what is made next often fits none of them."""

    def __init__(self, each: int) -> None:
        super().__init__()
        self.each = each
        self.made = 0

    def count(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        made = func(*args, **(kwargs or {}))
        if not getattr(func, "is_view", False):
            self.made += sum(x.nbytes for x in _tensors([made]))
        if self.made >= self.each:
            self.made = 0
            give_back()
        return made


GivingBack.__torch_dispatch__ = GivingBack.count  # type: ignore[assignment, method-assign]


@cache
def _composite(func: Any) -> bool:
    """Whether its kernel calls other operations. `func.decompose` would also take the ways that torch has written in Python, for
    its compiler: these are not what runs, and load half of it."""
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


def _address(x: Tensor) -> int:
    return x.untyped_storage().data_ptr() if x.layout == torch.strided else 0


def _tensors(values: Sequence[Any]) -> Iterator[Tensor]:
    for v in values:
        if isinstance(v, Tensor):
            yield v
        elif isinstance(v, (list, tuple)):
            yield from _tensors(v)


def _scratch(func: Any, args: Sequence[Any], made: Any) -> int:
    """What a kernel makes for itself: a convolution in double precision on the CPU writes out every window it reads."""
    if func is not torch.ops.aten.convolution.default or args[0].dtype != torch.float64 or args[0].device.type != "cpu":
        return 0
    x, w, transposed = args[0], args[1], args[6]
    windows = x if transposed else made
    return windows.numel() // max(windows.shape[1], 1) * w[0].numel() * x.element_size()


@cache
def _trim() -> Any:
    try:
        return getattr(ctypes.CDLL(None), "malloc_trim", None)
    except (OSError, TypeError):  # no such thing as the process's own library
        return None


def give_back() -> None:
    """What was freed goes back to the system, where the C library would keep it for later (glibc)."""
    if (trim := _trim()) is not None:
        trim(0)
