"""Shape arithmetic for cotangents, which carry a leading target axis T in front of the value's own shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from .several import Several


class Place(NamedTuple):
    """The first or the last position on an axis, which is counted from the end. Of a value that is broadcast along the axis
    they are its only one, so that nobody has to know."""

    axis: int
    last: bool

    def __str__(self) -> str:
        return f"{'last' if self.last else 'first'} of axis {self.axis}"

    def within(self, shape: Sequence[int | None]) -> tuple[int | None, ...]:
        """The shape of that position alone, the axis kept."""
        return tuple([1 if i - len(shape) == self.axis else n for i, n in enumerate(shape)])

    def where(self, shape: Sequence[int | None]) -> Place | None:
        """The same place of a value that broadcasts, if it has the axis."""
        return self if len(shape) >= -self.axis else None

    def of(self, x: Tensor) -> Tensor:
        """That position of a constant that broadcasts."""
        if x.dim() < -self.axis or x.shape[self.axis] == 1:
            return x
        return x.narrow(self.axis, x.shape[self.axis] - 1 if self.last else 0, 1).clone()


#: numbers, below which a new tensor is made sooner than it is told whether an old one would do
FEW = 2**12
#: types of numbers that numpy has, too
NUMPY_HAS = (torch.float32, torch.float64)
#: sizes as far as they are known
Shape = Sequence[int | None]


def sum_to(g: Tensor, shape: Sequence[int]) -> Tensor:
    """(T, *big) → (T, *shape): the transpose of broadcasting a value of `shape` to `big`."""
    if g.shape[1:] == shape or tuple(g.shape[1:]) == tuple(shape):
        return g
    extra = g.dim() - 1 - len(shape)
    axes = list(range(1, 1 + extra))
    axes += [1 + extra + i for i, n in enumerate(shape) if n == 1 and g.shape[1 + extra + i] != 1]
    if axes:
        g = g.sum(axes, keepdim=True)
    return g.reshape(g.shape[0], *shape)


def fold(g: Tensor) -> Tensor:
    """(T, N, …) → (T·N, …): targets into the batch, for kernels that know one batch axis."""
    if g.shape[0] == 1:
        return g[0]  # reshape would lose the strides by which torch knows a channels-last batch of one
    return g.reshape(g.shape[0] * g.shape[1], *g.shape[2:])


def unfold(g: Tensor, n_targets: int) -> Tensor:
    """(T·N, …) → (T, N, …)."""
    if n_targets == 1:
        return g[None]
    return g.reshape(n_targets, g.shape[0] // max(n_targets, 1), *g.shape[1:])


def has_room(g: Tensor, y: Tensor) -> bool:
    """Whether what is made of each element of g (T, *shape), which nobody else holds, and of y (shape) may be written over g."""
    return g.numel() > FEW and g.shape[1:] == y.shape and g.dtype == y.dtype and not (g.requires_grad or y.requires_grad)


def sum_over(own: Tensor, other: Tensor) -> Tensor:
    """Their sum, written over the first, which nobody else holds, where it lies there as it would lie anew."""
    alike = own.numel() > FEW and own.shape == other.shape and own.stride() == other.stride() and own.dtype == other.dtype
    return own.add_(other) if alike and not (own.requires_grad or other.requires_grad) else other + own


def positive_axis(axis: int, rank: int) -> int:
    if not -rank <= axis <= rank:
        raise IndexError(f"axis {axis} of a value with {rank} axes")
    return axis + rank if axis < 0 else axis


def lift(axis: int, rank: int) -> int:
    """The axis of a cotangent (T, *shape) that is `axis` of a value of this rank."""
    return 1 + positive_axis(axis, rank)


def zeros_for(g: Tensor, x: Tensor) -> Tensor:
    """Zeros of shape (T, *x.shape) beside cotangent g, laid out as x is."""
    if x.is_contiguous():
        return g.new_zeros((g.shape[0], *x.shape))
    strides = torch.empty_like(x).stride()
    return g.new_empty_strided((g.shape[0], *x.shape), (x.numel(), *strides)).zero_()


#: numbers as tensors: torch takes longer to make one of a Python number than to add it
_NUMBERS: dict[tuple[float, torch.dtype, torch.device], Tensor] = {}
#: and values that are one number all over
_CONSTANTS: dict[tuple[float, tuple[int, ...], torch.dtype, torch.device], Tensor] = {}
#: how many of each are kept
MOST = 256


def number(value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The number as a tensor that nobody writes to."""
    found = _NUMBERS.get((value, dtype, device))
    if found is None:
        with torch.inference_mode(False):
            found = torch.full((), value, dtype=dtype, device=device)
        if type(found) is Tensor and len(_NUMBERS) < MOST:  # none of what stands for tensors while a walk is traced
            _NUMBERS[value, dtype, device] = found
    return found


def constant(value: float, shape: tuple[int, ...], dtype: torch.dtype, device: torch.device) -> Tensor:
    """A value of this shape that is one number all over, in the memory of one; nobody writes to it."""
    found = _CONSTANTS.get((value, shape, dtype, device))
    if found is None:
        found = number(value, dtype, device).expand(shape)
        if type(found) is Tensor:
            if len(_CONSTANTS) >= MOST:
                _CONSTANTS.clear()
            _CONSTANTS[value, shape, dtype, device] = found
    return found


def stand_in(x: Tensor) -> Tensor:
    """A value with x's shape, dtype and device, and one element of memory: what remains of a freed value."""
    if isinstance(x, Several):
        return x.new_zeros(()).expand(x.shape)
    return constant(0.0, x.shape, x.dtype, x.device)


def all_finite(x: Tensor) -> bool:
    """No NaN and no infinity in x: a sum tells in a tenth of the time, unless it is itself too large."""
    return few_and_finite(x) is not None or math.isfinite(x.sum()) or bool(x.isfinite().all())


def few_and_finite(x: Tensor) -> np.ndarray | None:
    """x as an array, where its numbers are few, which numpy is through with sooner, and finite as their squares tell; else None."""
    if not x.is_cpu or x.numel() >= FEW or x.dtype not in NUMPY_HAS:
        return None
    numbers = x.numpy()
    return numbers if math.isfinite(np.vdot(numbers, numbers)) else None


def tensors(x: Tensor | Several) -> tuple[Tensor | None, ...]:
    """What a value is made of: itself, or the parts of a sequence."""
    return x.parts if isinstance(x, Several) else (x,)


def float_types() -> frozenset[torch.dtype]:
    return frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
