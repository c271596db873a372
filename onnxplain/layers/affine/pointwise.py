"""A convolution of single pixels is a product of matrices: pixels by channels, channels by channels.

On the CPU that is up to four times as fast as the transposed convolution, and never slower than either by more than a tenth:
measured for 1 to 8 images of 7² to 224² pixels, 3 to 2,048 channels.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .window import Window, channels_last


def is_pointwise(window: Window, w: Tensor, groups: int) -> bool:
    """Whether the window is one pixel of an image, without margins, and there are channels to sum over."""
    one = window.kernel == (1, 1) and not any(window.pads)
    return one and groups == 1 and w.shape[1] > 1


def pointwise(x: Tensor, w: Tensor, b: Tensor | None, strides: Sequence[int]) -> Tensor:
    """w ∗ x + b; x (N, C, H, W), w (O, C, 1, 1)."""
    down, right = strides
    pixels = channels_last(x)[:, :, ::down, ::right].permute(0, 2, 3, 1)  # (N, H', W', C)
    y = torch.mm(pixels.reshape(-1, x.shape[1]), w.flatten(1).mT)
    if b is not None:
        y.add_(b)  # y is not seen before; a bias given to the product is first copied to every pixel
    return y.reshape(*pixels.shape[:3], -1).permute(0, 3, 1, 2)


def pointwise_transpose(r: Tensor, w: Tensor, strides: Sequence[int], size: Sequence[int]) -> Tensor:
    """wᵀ ∗ r; r (N, O, H', W') → (N, C, *size), 0 at the pixels that strides leave out."""
    pixels = channels_last(r).permute(0, 2, 3, 1)  # (N, H', W', O)
    g = torch.mm(pixels.reshape(-1, r.shape[1]), w.flatten(1)).reshape(*pixels.shape[:3], -1)
    if tuple(strides) != (1, 1):
        down, right = strides
        wide = g.new_zeros((g.shape[0], *size, g.shape[3]))
        wide[:, ::down, ::right] = g
        g = wide
    return g.permute(0, 3, 1, 2)
