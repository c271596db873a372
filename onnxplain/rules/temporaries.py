"""Quotients and products written over one of their operands: a temporary that nobody else holds.

Rules are limited by memory: what is written to a tensor that is at hand takes half the time. Values, which others
read, are never written to; relevances only where they are owned, which the walk knows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..layers.kinds import Affine, Product
from ..layers.shapes import FEW, has_room


def over(r: Tensor, z: Tensor, owned: bool = False) -> Tensor:
    """r / z, written over the temporary z (of a value's shape, r with the target axis) where it has the size; or over r, where
    that is `owned`."""
    if r.numel() <= FEW:
        return r / z
    if _fits(r, z):
        place = z[None]
        return torch.div(r, place, out=place)
    return r.div_(z) if owned and has_room(r, z) else r / z


def times_over(r: Tensor, z: Tensor, owned: bool = False) -> Tensor:
    """r ⊙ z, likewise."""
    if _fits(r, z):
        return z[None].mul_(r)
    return times_owned(r, z) if owned else r * z


def times_owned(r: Tensor, z: Tensor) -> Tensor:
    """r ⊙ z, written over an r that nobody else holds; z may be others'."""
    return r.mul_(z) if has_room(r, z) else r * z


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
