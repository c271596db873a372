"""A mask on what walks back."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .base import Cotangents, Pulled
from .kinds import Routing


class Masked(Routing):
    """y = x, with the adjoint g ⊙ mask: not its transpose, but what of it is asked for.

    `masks`: one per condition; with several, targets come condition by condition, and each has its own. A mask:
    booleans in the shape of one sample (it broadcasts), or along its first axis (channels, units); or the numbers of
    the channels that are let through; None lets everything through.
    """

    def __init__(self, masks: Sequence[Tensor | None]) -> None:
        super().__init__()
        self.n_masks = len(masks)
        for k, mask in enumerate(masks):
            self.register_buffer(f"mask_{k}", mask)

    def forward(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,) = cotangents
        assert g is not None
        shape = tuple(inputs[0].shape[1:])
        masks = [_open(getattr(self, f"mask_{k}"), shape, g) for k in range(self.n_masks)]
        if len(masks) == 1:
            return (g * masks[0],)
        each = torch.stack(torch.broadcast_tensors(*masks))[:, None]  # (condition, 1, *sample)
        return ((g.unflatten(0, (-1, len(masks))) * each).flatten(0, 1),)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)


def _open(mask: Tensor | None, shape: Sequence[int], like: Tensor) -> Tensor:
    """The mask for samples of this shape, as numbers."""
    if mask is None:
        return like.new_ones([1] * len(shape))
    if not mask.dtype.is_floating_point and mask.dtype.itemsize > 1:
        outside = (mask < -shape[0]) | (mask >= shape[0])
        if bool(outside.any()):
            raise ValueError(f"channels {mask[outside].tolist()} of a value with {shape[0]}")
        mask = mask.new_zeros(shape[0]).index_fill(0, mask % shape[0], 1)
    if mask.dim() == 1 and len(shape) > 1:
        if mask.shape[0] != shape[0]:
            raise ValueError(f"a mask of {mask.shape[0]} channels for a value with {shape[0]}")
        return mask.reshape(-1, *[1] * (len(shape) - 1)).to(like.dtype)
    if mask.dim() != len(shape) or any(m not in (1, s) for m, s in zip(mask.shape, shape, strict=True)):
        raise ValueError(f"a mask of shape {tuple(mask.shape)} for samples of shape {tuple(shape)}")
    return mask.to(like.dtype)
