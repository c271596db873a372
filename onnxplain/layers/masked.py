"""A mask on what walks back."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from .base import Cotangents, Pulled
from .kinds import Routing


class Masked(Routing):
    """y = x, with the adjoint g ⊙ mask: not its transpose, but what of it is asked for.

    `mask`: booleans in the shape of one sample (it broadcasts), or along its first axis (channels, units); or the
    numbers of the channels that are let through.
    """

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        return x

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,) = cotangents
        assert g is not None
        return (g * self.of(tuple(inputs[0].shape[1:])).to(g.dtype),)

    def of(self, shape: Sequence[int]) -> Tensor:
        """The mask for samples of this shape."""
        mask = self.mask
        if not mask.dtype.is_floating_point and mask.dtype.itemsize > 1:
            outside = (mask < -shape[0]) | (mask >= shape[0])
            if bool(outside.any()):
                raise ValueError(f"channels {mask[outside].tolist()} of a value with {shape[0]}")
            mask = mask.new_zeros(shape[0]).index_fill(0, mask % shape[0], 1)
        if mask.dim() == 1 and len(shape) > 1:
            if mask.shape[0] != shape[0]:
                raise ValueError(f"a mask of {mask.shape[0]} channels for a value with {shape[0]}")
            return mask.reshape(-1, *[1] * (len(shape) - 1))
        if mask.dim() != len(shape) or any(m not in (1, s) for m, s in zip(mask.shape, shape, strict=True)):
            raise ValueError(f"a mask of shape {tuple(mask.shape)} for samples of shape {tuple(shape)}")
        return mask

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return all(inputs)
