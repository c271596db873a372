"""Recurrent nets over sequences (n, steps, features)."""

from __future__ import annotations

from torch import Tensor, nn


class Recurrent(nn.Module):
    """A recurrent layer, and a dense layer on its last step."""

    def __init__(self, kind: type[nn.LSTM | nn.GRU], features: int, units: int, outputs: int) -> None:
        super().__init__()
        self.recurrent = kind(features, units, batch_first=True)
        self.head = nn.Linear(units, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


def lstm(features: int = 24, units: int = 64, outputs: int = 10) -> nn.Module:
    return Recurrent(nn.LSTM, features, units, outputs)


def gru(features: int = 24, units: int = 64, outputs: int = 10) -> nn.Module:
    return Recurrent(nn.GRU, features, units, outputs)
