"""Images of few channels, and small volumes, which torch does not convolve as fast as it could.

One small image it convolves in copies of windows, where its other kernels (oneDNN's) take less time. It judges by the numbers of the image; what it takes longer for are those of the windows, and of the result: 3 to 32 channels of
64², 3 × 3, take 0.45 ms of CPU time in the one and 0.18 in the other; of one channel copies are as fast (measured). One volume takes three to
ten times as long in copies, there and back (16 to 32 channels of 32³: 53 ms, and 9.5; 64 to 64 of 14³: 10.2 and 3.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from .window import Window

#: numbers of an image up to which torch takes copies of windows
SMALL = 20480
#: channels, from which on copies are as fast
ENOUGH = 16
#: numbers of the result, below which a call to the other kernels costs more than they save
LEAST = 2**15


def is_slow(x: Tensor, w: Tensor, strides: Sequence[int]) -> bool:
    """Whether torch would convolve copies of windows where `convolved` takes less time."""
    if x.shape[0] != 1 or not 1 < x.shape[1] < ENOUGH or x.dim() != 4 or w.shape[1] != x.shape[1] or x.numel() > SMALL:
        return False
    enough = w.shape[0] * x[0, 0].numel() >= LEAST * prod(strides)
    return enough and _knows(x, w)


def is_slow_volume(x: Tensor, w: Tensor) -> bool:
    """The same of a volume, all of whose channels are in one group."""
    small = len(x) == 1 and x.dim() == 5 and x[..., 0].numel() <= SMALL and max(w.shape[3:]) <= 3 < w[0, 0].numel()
    return small and _knows(x, w)


def at_rest(window: Window, groups: int) -> bool:
    """Whether the transpose of a volume's convolution is one as well: there are no strides, and all channels are in one group."""
    return window.rank == 3 and groups == 1 and set(window.strides) == {1}


def turned(w: Tensor) -> Tensor:
    """Weights with which a convolution is the transpose of that with these, where there are no strides."""
    return w.flip(tuple(range(2, w.dim()))).transpose(0, 1).contiguous()


def _knows(x: Tensor, w: Tensor) -> bool:
    """Whether oneDNN has kernels for them."""
    alike = type(x) is Tensor and x.is_cpu and x.dtype == w.dtype == torch.float32  # no stand-in of a tracer
    return alike and torch.backends.mkldnn.is_available() and torch._C._get_mkldnn_enabled()


def pixels_first(x: Tensor) -> Tensor:
    """Images of one channel with the strides of channels-last images: their memory is the same, and torch goes on as they say, so that
    all that follows would lie otherwise (N, C, H, W), where kernels are slower and later layers bring it back."""
    if x.dim() != 4 or x.shape[1] != 1 or (len(x) == 1 and x.numel() <= SMALL):
        return x
    height, width = x.shape[2:]
    return x.contiguous().as_strided(x.shape, (height * width, 1, width, 1))


def convolved(x: Tensor, w: Tensor, b: Tensor | None, strides: Sequence[int], pads: Sequence[int], dilations: Sequence[int]) -> Tensor:
    """w ∗ x + b by oneDNN's kernels; all channels in one group."""
    return torch.mkldnn_convolution(x, w, b, pads, strides, dilations, 1)
