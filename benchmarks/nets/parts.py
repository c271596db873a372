"""What the nets are made of, and the weights they get."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """a + b as a module, for libraries that see modules only."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class Concat(nn.Module):
    """Two values side by side on the channel axis, as a module."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.cat((a, b), 1)


def dense(*sizes: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]


class Link(nn.Linear):
    """A 4 × 4 product next to the identity, so that a long chain of them neither dies nor explodes."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.weight = nn.Parameter(torch.eye(4) + 0.01 * torch.randn(4, 4))
        self.bias = nn.Parameter(torch.full((4,), 0.01))


def made(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """The net ready to be explained: weights that keep the size of activations, no gradients of weights."""
    torch.manual_seed(seed)
    net = make().eval()
    for m in net.modules():
        if isinstance(m, nn.Conv1d | nn.Conv2d | nn.ConvTranspose2d | nn.Linear) and not isinstance(m, Link):
            nn.init.kaiming_normal_(m.weight)
            if m.bias is not None:
                nn.init.normal_(m.bias, std=0.1)
        if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d):
            assert m.running_mean is not None and m.running_var is not None
            nn.init.normal_(m.running_mean, std=0.1)
            nn.init.uniform_(m.running_var, 0.5, 2.0)
            nn.init.uniform_(m.weight, 0.2, 1.0)
            nn.init.normal_(m.bias, std=0.1)
    return net.requires_grad_(False)
