"""Plain torch: one forward pass and the gradient of each target's output. The floor is this, for one target."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def autograd(net: nn.Module, x: Tensor, targets: Sequence[int]) -> Tensor:
    x = x.detach().requires_grad_()
    y = net(x)
    last = len(targets) - 1
    return torch.stack([torch.autograd.grad(y[:, t].sum(), x, retain_graph=i < last)[0] for i, t in enumerate(targets)])
