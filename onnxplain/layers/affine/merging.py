"""Small helpers of layers with weights: a per-channel scale and shift taken into them, and their parts."""

from __future__ import annotations

from torch import Tensor

from ..kept import kept
from ..kinds import PARTS, Part, part_of


def along(v: Tensor, axis: int, w: Tensor) -> Tensor:
    """v (n,), shaped to broadcast along this axis of w."""
    return v.reshape(*(1,) * axis, -1, *(1,) * (w.dim() - axis - 1))


def shifted(bias: Tensor | None, shift: Tensor) -> Tensor:
    return shift if bias is None else bias + shift


def nothing_below_zero(*constants: Tensor | None) -> bool:
    return all(bool((c >= 0).all()) for c in constants if c is not None)


def weights_of(w: Tensor, part: Part) -> Tensor:
    """The part of weights that a rule asks for; where it says something of their signs, kept beside them."""
    if part == "all":
        return w
    return kept(w, PARTS[part]) if part in PARTS else part_of(w, part)
