"""Small helpers of layers that take a per-channel scale and shift into their weights."""

from __future__ import annotations

from torch import Tensor


def along(v: Tensor, axis: int, w: Tensor) -> Tensor:
    """v (n,), shaped to broadcast along this axis of w."""
    return v.reshape(*(1,) * axis, -1, *(1,) * (w.dim() - axis - 1))


def shifted(bias: Tensor | None, shift: Tensor) -> Tensor:
    return shift if bias is None else bias + shift


def nothing_below_zero(*constants: Tensor | None) -> bool:
    return all(bool((c >= 0).all()) for c in constants if c is not None)
