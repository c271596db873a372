"""The transpose of a convolution whose windows do not overlap, as a transformer's patches do not, is a product of matrices.

On the CPU torch's transposed convolution takes up to nine times as long (ViT-B/16's first layer: 10.2 ms, and 1.1 as a
product), and never less than nine tenths: measured for 2² to 16² pixels a window, 3 to 384 channels, 1 and 8 images. Where
windows leave gaps the product is up to six times as fast (4² pixels every 10).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .window import Window, channels_last


def are_patches(window: Window, groups: int) -> bool:
    """Whether every pixel of an image is in one window at most, without margins, and windows are larger than a pixel."""
    apart = window.rank == 2 and all(k <= s for k, s in zip(window.kernel, window.strides, strict=True))
    plain = window.auto_pad in ("NOTSET", "VALID") and not any(window.pads) and set(window.dilations) == {1}
    return apart and max(window.kernel) > 1 and plain and groups == 1


def patches_transpose(r: Tensor, w: Tensor, strides: Sequence[int], size: Sequence[int]) -> Tensor:
    """wᵀ ∗ r; r (N, O, H', W'), w (O, C, h, w) → (N, C, *size), 0 at pixels that are in no window."""
    n, _, rows, columns = r.shape
    _, channels, high, wide = w.shape
    down, right = strides
    pixels = channels_last(r).permute(0, 2, 3, 1).reshape(-1, r.shape[1])
    g = torch.mm(pixels, channels_last(w).permute(0, 2, 3, 1).flatten(1))  # (N H' W', h w C)
    g = g.reshape(n, rows, columns, high, wide * channels).transpose(2, 3)
    if (high, wide) != (down, right):
        gaps = g.new_zeros((n, rows, down, columns, right * channels))
        gaps[:, :, :high, :, : wide * channels] = g
        g = gaps
    g = g.reshape(n, rows * down, columns * right, channels).permute(0, 3, 1, 2)[:, :, : size[0], : size[1]]
    rest = (size[0] - g.shape[2], size[1] - g.shape[3])
    return torch.nn.functional.pad(g, (0, rest[1], 0, rest[0])) if any(rest) else g
