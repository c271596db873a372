"""Nets for series: the shape of Basset, which reads DNA, and a temporal convolutional net."""

from __future__ import annotations

from torch import Tensor, nn

from .parts import Add, dense


def basset() -> nn.Module:
    """The shape of Basset (Kelley et al. 2016) for 600 bases: three wide convolutions with a pool each, two dense layers."""
    layers: list[nn.Module] = []
    for before, after, kernel, pool in ((4, 300, 19, 3), (300, 200, 11, 4), (200, 200, 7, 4)):
        layers += [nn.Conv1d(before, after, kernel, padding=kernel // 2), nn.BatchNorm1d(after), nn.ReLU(), nn.MaxPool1d(pool)]
    return nn.Sequential(*layers, nn.Flatten(), *dense(200 * 12, 1000, 164))


class Causal(nn.Module):
    """Two convolutions of what came before, `dilation` steps apart, beside the identity."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.path = nn.Sequential(*(layer for _ in range(2) for layer in self._one(width, dilation)))
        self.add, self.relu = Add(), nn.ReLU()

    @staticmethod
    def _one(width: int, dilation: int) -> tuple[nn.Module, ...]:
        return nn.ConstantPad1d((2 * dilation, 0), 0.0), nn.Conv1d(width, width, 3, dilation=dilation), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.add(self.path(x), x))


def tcn(width: int = 64, depth: int = 8) -> nn.Module:
    """A temporal convolutional net (Bai et al. 2018) over 12 channels, dilations up to 2^(depth − 1)."""
    blocks = [Causal(width, 2**i) for i in range(depth)]
    return nn.Sequential(nn.Conv1d(12, width, 1), *blocks, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(width, 10))
