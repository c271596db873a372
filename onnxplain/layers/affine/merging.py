"""Small helpers of layers with weights: a per-channel scale and shift taken into them, and their parts."""

from __future__ import annotations

import torch
from torch import Tensor

from ..kept import kept
from ..kinds import PARTS, Part, part_of


def along(v: Tensor, axis: int, w: Tensor) -> Tensor:
    """v (n,), shaped to broadcast along this axis of w."""
    return v.reshape(*(1,) * axis, -1, *(1,) * (w.dim() - axis - 1))


#: numbers that are multiplied at a time: few enough for the cache, and for one thread
PIECE = 2**14


def scaled(w: Tensor, a: Tensor) -> Tensor:
    """w · a in double precision, rounded once; `a` broadcasts, along the first axis of w or from a single row."""
    rows = max(1, PIECE // max(1, w[:1].numel()))
    if w.dim() == 0 or w.shape[0] <= rows:
        return (w.double() * a).to(w.dtype)
    shared = a.dim() < w.dim() or a.shape[0] == 1
    made, piece = torch.empty_like(w), torch.empty_like(w[:rows], dtype=torch.float64)
    for i in range(0, w.shape[0], rows):
        part = piece[: w.shape[0] - i]
        made[i : i + rows] = part.copy_(w[i : i + rows]).mul_(a if shared else a[i : i + rows])
    return made


def shifted(bias: Tensor | None, shift: Tensor) -> Tensor:
    return shift if bias is None else bias + shift


def nothing_below_zero(*constants: Tensor | None) -> bool:
    return all(bool((c >= 0).all()) for c in constants if c is not None)


def weights_of(w: Tensor, part: Part) -> Tensor:
    """The part of weights that a rule asks for; where it says something of their signs, kept beside them."""
    if part == "all":
        return w
    return kept(w, PARTS[part]) if part in PARTS else part_of(w, part)
