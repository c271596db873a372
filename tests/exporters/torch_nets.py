"""Small torch modules of every kind of forward: chains, reuse, functional code, several inputs, dicts, recurrence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Residual(nn.Module):
    """One ReLU module three times, a functional one, and a sum: what hooks on modules cannot tell apart."""

    def __init__(self) -> None:
        super().__init__()
        self.act = nn.ReLU()
        self.a, self.b, self.out = nn.Linear(5, 6), nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.a(x))
        h = self.act(self.b(h)) + h
        h = F.relu(self.b(h) - 0.2)
        return self.out(self.act(h - 0.1) + h)


class Cnn(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(2, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
            nn.Dropout(0.5),
        )
        self.head = nn.Linear(4 * 16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(self.head(self.features(x).flatten(1)), 1)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.cell, self.head = kind(3, 5, batch_first=True), nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x)[0][:, -1])


class SelfAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm = nn.MultiheadAttention(6, 2, batch_first=True), nn.LayerNorm(6)
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x + self.attention(x, x, x, need_weights=False)[0]).mean(1))


class Risk(NamedTuple):
    score: Tensor
    hidden: Tensor


class TableAndSeries(nn.Module):
    """Two inputs, two named outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.table, self.series, self.out = nn.Linear(4, 6), nn.Conv1d(2, 6, 3), nn.Linear(6, 2)

    def forward(self, table: Tensor, series: Tensor) -> Risk:
        hidden = torch.tanh(self.table(table) + self.series(series).amax(2))
        return Risk(self.out(hidden), hidden)


class Batch(nn.Module):
    """A dict in, a dict out, and an argument that is no data."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Linear(3, 4), nn.Linear(2, 4)

    def forward(self, batch: dict[str, Tensor], gated: bool = True) -> dict[str, Tensor]:
        h = F.silu(self.left(batch["left"]))
        gate = torch.sigmoid(self.right(batch["right"]))
        return {"logits": h * gate if gated else h + gate}


class InPlace(nn.Module):
    """Writes into its own copy, and calls one layer twice through a shared weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(4, 4), nn.Linear(4, 4)
        self.two.weight = self.one.weight

    def forward(self, x: Tensor) -> Tensor:
        x = x.clone()
        x[:, 0] = 0.5
        x += 1
        h = self.two(self.one(x).relu_())
        h[:, 1:3].mul_(2)
        return h


class Branch(nn.Module):
    """Decides by data, for the whole batch: the path is that of a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 3), nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return torch.relu(self.a(x))
        return torch.tanh(self.b(x))


class BySize(nn.Module):
    """Decides by the number of samples."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) * 2 if x.shape[0] > 5 else self.a(x)


@dataclass(frozen=True)
class Net:
    """A module and the shapes of one sample of each tensor it takes; `call`: how they become its arguments."""

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...]
    call: Callable[..., Any] | None = None

    def module(self) -> nn.Module:
        torch.manual_seed(0)
        module = self.make()
        for m in module.modules():
            if isinstance(m, nn.BatchNorm2d):
                nn.init.normal_(m.running_mean, 0, 0.3)  # type: ignore[arg-type]
                nn.init.uniform_(m.running_var, 0.5, 1.5)  # type: ignore[arg-type]
                nn.init.normal_(m.bias, 0, 0.3)
        return module.eval()

    def data(self, n: int) -> tuple[Tensor, ...]:
        g = torch.Generator().manual_seed(1)
        return tuple(torch.randn((n, *s), generator=g) for s in self.shapes)

    def arguments(self, *tensors: Tensor) -> Any:
        """What `example` is."""
        if self.call is not None:
            return self.call(*tensors)
        return tensors if len(tensors) > 1 else tensors[0]


NETS: dict[str, Net] = {
    "dense": Net(lambda: nn.Sequential(nn.Linear(4, 8), nn.ELU(), nn.Linear(8, 3)), ((4,),)),
    "residual": Net(Residual, ((5,),)),
    "cnn": Net(Cnn, ((2, 8, 8),)),
    "lstm": Net(lambda: Recurrent(nn.LSTM), ((6, 3),)),
    "gru": Net(lambda: Recurrent(nn.GRU), ((6, 3),)),
    "attention": Net(SelfAttention, ((5, 6),)),
    "two_inputs": Net(TableAndSeries, ((4,), (2, 7))),
    "dict": Net(Batch, ((3,), (2,)), lambda left, right: {"left": left, "right": right}),
    "in_place": Net(InPlace, ((4,),)),
}
