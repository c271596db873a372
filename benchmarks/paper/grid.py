"""The points of the paper's run-time study (its section 5.2): one factor varies, all others stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from .models import FEATURES, image_net, table_net


@dataclass(frozen=True)
class Point:
    """One net and its data. `kind`: "tab" or "img"."""

    kind: str
    outputs: int = 1
    depth: int = 2
    width: int = 128
    batch: int = 16
    side: int = 64

    def net(self) -> nn.Module:
        if self.kind == "tab":
            return table_net(self.depth, self.width, self.outputs)
        return image_net(self.side, self.depth, self.width, self.outputs)

    def data(self, rows: int, seed: int) -> Tensor:
        shape = (rows, FEATURES) if self.kind == "tab" else (rows, 3, self.side, self.side)
        return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@dataclass(frozen=True)
class Factor:
    """What varies, and the figures of the paper that show it."""

    name: str
    field: str
    figure: str
    full: dict[str, tuple[int, ...]]
    minimal: dict[str, tuple[int, ...]]

    def points(self, minimal: bool) -> Iterator[tuple[str, int, Point]]:
        for kind, sizes in (self.minimal if minimal else self.full).items():
            start = Point(kind, width=128 if kind == "tab" else 5)
            for size in sizes:
                yield kind, size, replace(start, **{self.field: size})  # type: ignore[arg-type]


def _both(*sizes: int) -> dict[str, tuple[int, ...]]:
    return {"tab": sizes, "img": sizes}


_TWENTY = _both(1, *range(2, 21, 2))
_FIVE = _both(1, 4, 8, 12, 16)

FACTORS = (
    Factor("outputs", "outputs", "11b, 14", _TWENTY, _FIVE),
    Factor("depth", "depth", "11a, 15", _TWENTY, _FIVE),
    Factor(
        "width",
        "width",
        "16",
        {"tab": (128, *range(256, 2561, 256)), "img": (10, *range(50, 501, 50))},
        {"tab": (128, 512, 1024, 1536, 2048), "img": (10, 100, 200, 300, 400)},
    ),
    Factor(
        "batch",
        "batch",
        "17",
        {"tab": (32, *range(64, 641, 64)), "img": (16, *range(32, 321, 32))},
        {"tab": (32, 128, 256, 384, 512), "img": (16, 64, 128, 192, 256)},
    ),
    Factor("side", "side", "18", {"img": (16, *range(32, 321, 32))}, {"img": (16, 64, 128, 192, 256)}),
)
