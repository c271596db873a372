"""Small helpers of layers that take a per-channel scale and shift into their weights."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def along(v: Tensor, axis: int, w: Tensor) -> Tensor:
    """v (n,), shaped to broadcast along this axis of w."""
    return v.reshape(*(1,) * axis, -1, *(1,) * (w.dim() - axis - 1))


def shifted(bias: Tensor | None, shift: Tensor) -> Tensor:
    return shift if bias is None else bias + shift


def nothing_below_zero(*constants: Tensor | None) -> bool:
    return all(bool((c >= 0).all()) for c in constants if c is not None)


def halved(axis: int) -> Callable[[Tensor], Tensor]:
    """w → [w⁺ w⁻], side by side along the axis of its inputs."""
    return lambda w: torch.cat([w.clamp(min=0), w.clamp(max=0)], axis)
