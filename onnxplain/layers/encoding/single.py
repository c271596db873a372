"""Numbers compared as onnxruntime compares them."""

from __future__ import annotations

import torch
from torch import Tensor


def single(x: Tensor) -> Tensor:
    """x as the single-precision number that the model's file compares, whatever x is computed in: a threshold of 0.1 is
    a little above 0.1, and which side a number lies on must not depend on the precision."""
    return x.to(torch.float32) if x.is_floating_point() else x
