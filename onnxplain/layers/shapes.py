"""Shape arithmetic for cotangents, which carry a leading target axis T in front of the value's own shape."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from .several import Several


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


def positive_axis(axis: int, rank: int) -> int:
    if not -rank <= axis <= rank:
        raise IndexError(f"axis {axis} of a value with {rank} axes")
    return axis + rank if axis < 0 else axis


def lift(axis: int, rank: int) -> int:
    """The axis of a cotangent (T, *shape) that is `axis` of a value of this rank."""
    return 1 + positive_axis(axis, rank)


def zeros_for(g: Tensor, x: Tensor) -> Tensor:
    """Zeros of shape (T, *x.shape) beside cotangent g."""
    return g.new_zeros((g.shape[0], *x.shape))


def stand_in(x: Tensor) -> Tensor:
    """A value with x's shape, dtype and device, and one element of memory: what remains of a freed value."""
    return x.new_zeros(()).expand(x.shape)


def all_finite(x: Tensor) -> bool:
    """No NaN and no infinity in x: a sum tells in a tenth of the time, unless it is itself too large."""
    return math.isfinite(x.sum()) or bool(x.isfinite().all())


def tensors(x: Tensor | Several) -> tuple[Tensor | None, ...]:
    """What a value is made of: itself, or the parts of a sequence."""
    return x.parts if isinstance(x, Several) else (x,)


def float_types() -> frozenset[torch.dtype]:
    return frozenset({torch.float16, torch.bfloat16, torch.float32, torch.float64})
