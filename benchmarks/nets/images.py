"""Nets for images: the shapes of VGG-16, ResNet-50, MobileNetV2 and U-Net, and small ones."""

from __future__ import annotations

from torch import Tensor, nn

from .parts import Add, Concat, dense


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
    return nn.Sequential(*layers, nn.Flatten(), *dense(512 * 49, 4096, 4096, 1000))


def resnet50() -> nn.Module:
    """The shape of ResNet-50."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
    ]
    before = 64
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for i in range(blocks):
            layers.append(Bottleneck(before, width, stride if i == 0 else 1))
            before = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 1000))


def small_conv(outputs: int = 100) -> nn.Module:
    """Two convolutions, a pool, two convolutions, a pool, two dense layers, for 64 × 64 images."""
    convolutions: list[nn.Module] = []
    for before, after in ((3, 32), (32, 32), (32, 64), (64, 64)):
        convolutions += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU()]
        if before == after:
            convolutions.append(nn.MaxPool2d(2))
    return nn.Sequential(*convolutions, nn.Flatten(), *dense(64 * 16 * 16, 128, outputs))


def grey_conv() -> nn.Module:
    """Two convolutions with a pool each and two dense layers, for digits of 28 × 28 grey pixels."""
    convolutions: list[nn.Module] = []
    for before, after in ((1, 16), (16, 32)):
        convolutions += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*convolutions, nn.Flatten(), *dense(32 * 7 * 7, 64, 10))


class InvertedResidual(nn.Module):
    """1×1 up, 3×3 on each channel alone, 1×1 down, beside the identity where the shape stays."""

    def __init__(self, before: int, after: int, stride: int, expand: int) -> None:
        super().__init__()
        wide = before * expand
        up = [nn.Conv2d(before, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()] if expand != 1 else []
        depth = [nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        self.path = nn.Sequential(*up, *depth, nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after))
        self.add = Add() if stride == 1 and before == after else None

    def forward(self, x: Tensor) -> Tensor:
        return self.path(x) if self.add is None else self.add(self.path(x), x)


#: MobileNetV2: expansion, channels, repetitions, first stride
MOBILE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet() -> nn.Module:
    """The shape of MobileNetV2."""
    layers: list[nn.Module] = [nn.Conv2d(3, 32, 3, 2, 1, bias=False), nn.BatchNorm2d(32), nn.ReLU6()]
    before = 32
    for expand, after, repetitions, stride in MOBILE:
        for i in range(repetitions):
            layers.append(InvertedResidual(before, after, stride if i == 0 else 1, expand))
            before = after
    layers += [nn.Conv2d(before, 1280, 1, bias=False), nn.BatchNorm2d(1280), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1280, 1000))


class UNet(nn.Module):
    """Four levels down by max-pooling and up by transposed convolutions, each beside its copy from the way down; one map per
    class, and as the output its mean."""

    def __init__(self, width: int = 32, classes: int = 21) -> None:
        super().__init__()
        sizes = [width * 2**i for i in range(5)]
        self.down = nn.ModuleList(_twice(before, after) for before, after in zip([3, *sizes], sizes, strict=False))
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, 2) for w in reversed(sizes[:-1]))
        self.mend = nn.ModuleList(_twice(2 * w, w) for w in reversed(sizes[:-1]))
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in sizes[1:])
        self.beside = nn.ModuleList(Concat() for _ in sizes[1:])
        self.head = nn.Sequential(nn.Conv2d(width, classes, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        kept = []
        for block, pool in zip(self.down, self.pool, strict=False):
            kept.append(block(x))
            x = pool(kept[-1])
        x = self.down[-1](x)
        for up, beside, mend, copy in zip(self.up, self.beside, self.mend, reversed(kept), strict=True):
            x = mend(beside(up(x), copy))
        return self.head(x)


def _twice(before: int, after: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in ((before, after), (after, after)):
        layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
    return nn.Sequential(*layers)


def plain_conv(depth: int = 4, width: int = 32, outputs: int = 10) -> nn.Module:
    """`depth` 3 × 3 convolutions of `width` channels, the mean over space, one dense layer: any image side."""
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Conv2d(3 if i == 0 else width, width, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, outputs))


def u_net() -> nn.Module:
    """A U-Net of 32 to 512 channels."""
    return UNet()
