"""Quotients and products written over one of their operands: a temporary that nobody else holds.

Rules are limited by memory: what is written to a tensor that is at hand takes half the time. Values and relevances, which others
read, are never written to.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers.kinds import Affine, Product

#: numbers, below which a new tensor is made sooner than it is told whether an old one would do
FEW = 2**12


def over(r: Tensor, z: Tensor) -> Tensor:
    """r / z, written over the temporary z (of a value's shape, r with the target axis) where it has the size."""
    if not _fits(r, z):
        return r / z
    place = z[None]
    return torch.div(r, place, out=place)


def times_over(r: Tensor, z: Tensor) -> Tensor:
    """r ⊙ z, likewise."""
    return z[None].mul_(r) if _fits(r, z) else r * z


def times(x: Tensor, g: Tensor, layer: Affine) -> Tensor:
    """x ⊙ g, for a g that `layer.transpose` has just made: written over it, where it is sure to be nobody else's."""
    return g.mul_(x) if layer.makes_anew and g.dtype == x.dtype and not x.requires_grad else x * g


def times_made(x: Tensor, g: Tensor, layer: Product) -> Tensor:
    """x ⊙ g, for a g that `layer.partial` has just made: written over it, likewise; where it lies as x does, whose order
    of axes later layers expect."""
    return g.mul_(x) if layer.makes_anew and g.dtype == x.dtype and g.stride()[1:] == x.stride() and not x.requires_grad else x * g


def _fits(r: Tensor, z: Tensor) -> bool:
    alike = r.numel() > FEW and r.shape == (1, *z.shape) and r.dtype == z.dtype
    return alike and not (r.requires_grad or z.requires_grad)
