"""The nets: random weights, BatchNorm with random statistics; and their way through ONNX in memory."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn


class Add(nn.Module):
    """a + b as a module, for libraries that see modules only."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class Bottleneck(nn.Module):
    """1×1, 3×3, 1×1 convolutions beside the identity, or beside a 1×1 where the shape changes."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(before, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, after, 1, bias=False), nn.BatchNorm2d(after)
        self.relu1, self.relu2, self.relu3, self.add = nn.ReLU(), nn.ReLU(), nn.ReLU(), Add()
        self.down: nn.Module | None = None
        if stride != 1 or before != after:
            self.down = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Tensor) -> Tensor:
        beside = x if self.down is None else self.down(x)
        x = self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))))
        return self.relu3(self.add(self.bn3(self.conv3(x)), beside))


def vgg16() -> nn.Module:
    """The shape of VGG-16 for 224 × 224 images."""
    layers: list[nn.Module] = []
    before = 3
    for block in ([64] * 2, [128] * 2, [256] * 3, [512] * 3, [512] * 3):
        for width in block:
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.ReLU()]
            before = width
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), *_dense(512 * 49, 4096, 4096, 1000))


def resnet50() -> nn.Module:
    """The shape of ResNet-50."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            layers.append(Bottleneck(before, width, stride if i == 0 else 1))
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000))


def small_conv() -> nn.Module:
    """Two convolutions, a pool, two convolutions, a pool, two dense layers, for 64 × 64 images."""
    convolutions: list[nn.Module] = []
    for before, after in ((3, 32), (32, 32), (32, 64), (64, 64)):
        convolutions += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if before == after:
            convolutions.append(nn.MaxPool2d(2))
    return nn.Sequential(*convolutions, nn.Flatten(), *_dense(64 * 16 * 16, 128, 100))


def mlp() -> nn.Module:
    """100 features, two hidden layers of 256, 10 outputs."""
    return nn.Sequential(*_dense(100, 256, 256, 10))


def small_mlp() -> nn.Module:
    """100 features, two hidden layers of 64, 10 outputs."""
    return nn.Sequential(*_dense(100, 64, 64, 10))


class Link(nn.Linear):
    """A 4 × 4 product next to the identity, so that a long chain of them neither dies nor explodes."""

    def __init__(self) -> None:
        super().__init__(4, 4)
        self.weight = nn.Parameter(torch.eye(4) + 0.01 * torch.randn(4, 4))
        self.bias = nn.Parameter(torch.full((4,), 0.01))


def chain() -> nn.Module:
    """1,000 nodes that do next to nothing: 500 pairs of a 4 × 4 product and a ReLU."""
    layers: list[nn.Module] = []
    for _ in range(500):
        layers += [Link(), nn.ReLU()]
    return nn.Sequential(*layers)


def _dense(*sizes: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return layers[:-1]


def made(make: Callable[[], nn.Module], seed: int = 0) -> nn.Module:
    """The net ready to be explained: weights that keep the size of activations, no gradients of weights."""
    torch.manual_seed(seed)
    net = make().eval()
    for m in net.modules():
        if isinstance(m, nn.Conv2d | nn.Linear) and not isinstance(m, Link):
            nn.init.kaiming_normal_(m.weight)
            if m.bias is not None:
                nn.init.normal_(m.bias, std=0.1)
        if isinstance(m, nn.BatchNorm2d):
            assert m.running_mean is not None and m.running_var is not None
            nn.init.normal_(m.running_mean, std=0.1)
            nn.init.uniform_(m.running_var, 0.5, 2.0)
            nn.init.uniform_(m.weight, 0.2, 1.0)
            nn.init.normal_(m.bias, std=0.1)
    return net.requires_grad_(False)


def as_onnx(net: nn.Module, x: Tensor) -> bytes:
    """The same net as ONNX with a free batch axis; nothing is written to disk.

    BatchNorm stays as it is: the exporter would merge it in float32, and the numbers would differ from the net's.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (x[:2] if len(x) > 1 else x,),
            file,  # type: ignore[arg-type]
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    return file.getvalue()
