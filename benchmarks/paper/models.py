"""The paper's untrained nets: dense ones for tables, convolutions for images."""

from __future__ import annotations

from torch import nn

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh}
POOLS: dict[str, type[nn.Module]] = {"avg": nn.AvgPool2d, "max": nn.MaxPool2d}
FEATURES = 10


def table_net(depth: int, width: int, outputs: int, bias: bool = True, activation: str = "relu") -> nn.Module:
    """10 features, `depth` hidden layers of `width`, `outputs`."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(FEATURES if i == 0 else width, width, bias), ACTIVATIONS[activation]()]
    return nn.Sequential(*layers, nn.Linear(width, outputs, bias))


def image_net(
    side: int, depth: int, width: int, outputs: int, bias: bool = True, activation: str = "relu", pool: str = "none"
) -> nn.Module:
    """`depth` − 1 convolutions 5 × 5 that keep the size, one 4 × 4 with a stride that leaves about 7 × 7, for agreement a pool
    3 × 3, one dense layer."""
    layers: list[nn.Module] = []
    for i in range(depth - 1):
        layers += [nn.Conv2d(3 if i == 0 else width, width, 5, padding=2, bias=bias), ACTIVATIONS[activation]()]
    stride = max(1, (side - 4) // 6)
    layers += [nn.Conv2d(3 if depth == 1 else width, width, 4, stride, bias=bias), ACTIVATIONS[activation]()]
    rest = (side - 4) // stride + 1
    if pool != "none":
        layers.append(POOLS[pool](3))
        rest = rest // 3
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * rest**2, outputs, bias))
