"""Small torch models, true to the architectures people export: same blocks and operators, few channels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def conv_bn(i: int, o: int, k: int = 3, s: int = 1, groups: int = 1, act: nn.Module | None = None) -> nn.Sequential:
    parts = [nn.Conv2d(i, o, k, s, k // 2, groups=groups, bias=False), nn.BatchNorm2d(o)]
    return nn.Sequential(*parts, *([act] if act is not None else []))


class BasicBlock(nn.Module):
    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(conv_bn(i, o, 3, stride, act=nn.ReLU()), conv_bn(o, o))
        self.skip = conv_bn(i, o, 1, stride) if stride != 1 or i != o else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.skip(x))


class Bottleneck(nn.Module):
    def __init__(self, i: int, o: int, stride: int) -> None:
        super().__init__()
        m = o // 4
        self.body = nn.Sequential(
            conv_bn(i, m, 1, act=nn.ReLU()), conv_bn(m, m, 3, stride, act=nn.ReLU()), conv_bn(m, o, 1)
        )
        self.skip = conv_bn(i, o, 1, stride) if stride != 1 or i != o else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.body(x) + self.skip(x))


def resnet(block: Callable[[int, int, int], nn.Module]) -> nn.Module:
    """He et al. 2015: 7×7 stem, overlapping max-pooling, skip connections."""
    stem = [conv_bn(3, 8, 7, 2, act=nn.ReLU()), nn.MaxPool2d(3, 2, 1)]
    blocks = [block(8, 16, 1), block(16, 16, 1), block(16, 32, 2)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 5))


def vgg() -> nn.Module:
    """Simonyan and Zisserman 2014: adaptive pooling, dropout, three dense layers, here with a softmax."""

    def stage(i: int, o: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]

    head = [
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(16 * 16, 20),
        nn.ReLU(),
        nn.Dropout(),
        nn.Linear(20, 5),
        nn.Softmax(1),
    ]
    return nn.Sequential(*stage(3, 8), *stage(8, 16), *head)


class DenseNet(nn.Module):
    """Huang et al. 2016: normalisation before convolution, concatenation, average-pooling transitions."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, 2, 1, bias=False)
        self.layers = nn.ModuleList(self.layer(8 + 4 * k) for k in range(3))
        self.transition = nn.Sequential(
            nn.BatchNorm2d(20), nn.ReLU(), nn.Conv2d(20, 10, 1, bias=False), nn.AvgPool2d(2)
        )
        self.last = self.layer(10)
        self.norm, self.head = nn.BatchNorm2d(14), nn.Linear(14, 5)

    @staticmethod
    def layer(i: int) -> nn.Sequential:
        squeeze = [nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, 8, 1, bias=False)]
        return nn.Sequential(*squeeze, nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        x = self.transition(torch.cat(features, 1))
        x = F.relu(self.norm(torch.cat([x, self.last(x)], 1)))
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, (1, 1)), 1))


class Squeeze(nn.Module):
    """Hu et al. 2017: channels weighted by a gate made of their means."""

    def __init__(self, c: int, gate: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.path = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(c, 4, 1), act, nn.Conv2d(4, c, 1), gate)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.path(x)


class Inverted(nn.Module):
    """Sandler et al. 2018: expand, depthwise, (squeeze-excite,) project."""

    def __init__(
        self, i: int, o: int, k: int, s: int, act: Callable[[], nn.Module], squeeze: Callable[[int], nn.Module] | None
    ) -> None:
        super().__init__()
        m = 3 * i
        middle = [squeeze(m)] if squeeze else []
        self.body = nn.Sequential(conv_bn(i, m, 1, act=act()), conv_bn(m, m, k, s, m, act()), *middle, conv_bn(m, o, 1))
        self.residual = s == 1 and i == o

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) if self.residual else self.body(x)


def mobilenet_v2() -> nn.Module:
    blocks = [Inverted(8, 8, 3, 1, nn.ReLU6, None), Inverted(8, 12, 3, 2, nn.ReLU6, None)]
    return nn.Sequential(
        conv_bn(3, 8, 3, 2, act=nn.ReLU6()),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(12, 5),
    )


def mobilenet_v3() -> nn.Module:
    """Howard et al. 2019: hard-swish, squeeze-excite with hard sigmoid."""

    def squeeze(c: int) -> nn.Module:
        return Squeeze(c, nn.Hardsigmoid(), nn.ReLU())

    blocks = [Inverted(8, 8, 3, 1, nn.ReLU, squeeze), Inverted(8, 12, 5, 2, nn.Hardswish, squeeze)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 16), nn.Hardswish(), nn.Linear(16, 5)]
    return nn.Sequential(conv_bn(3, 8, 3, 2, act=nn.Hardswish()), *blocks, *head)


def efficientnet() -> nn.Module:
    """Tan and Le 2019: SiLU, squeeze-excite with sigmoid."""

    def squeeze(c: int) -> nn.Module:
        return Squeeze(c, nn.Sigmoid(), nn.SiLU())

    blocks = [Inverted(8, 8, 3, 1, nn.SiLU, squeeze), Inverted(8, 12, 5, 2, nn.SiLU, squeeze)]
    head = [conv_bn(12, 16, 1, act=nn.SiLU()), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 5)]
    return nn.Sequential(conv_bn(3, 8, 3, 2, act=nn.SiLU()), *blocks, *head)


class UNet(nn.Module):
    """Ronneberger et al. 2015: skips by concatenation, one step up learned, one bilinear; a map per class."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = (
            conv_bn(3, 4, act=nn.ReLU()),
            conv_bn(4, 8, act=nn.ReLU()),
            conv_bn(8, 8, act=nn.ReLU()),
        )
        self.up = nn.ConvTranspose2d(8, 8, 2, 2)
        self.bilinear = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.mix, self.out = conv_bn(16, 8, act=nn.LeakyReLU(0.1)), nn.Conv2d(12, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.one(x)
        b = self.two(F.max_pool2d(a, 2))
        c = self.mix(torch.cat([self.up(self.three(F.max_pool2d(b, 2))), b], 1))
        return self.out(torch.cat([self.bilinear(c), a], 1))


class TwoInputs(nn.Module):
    """A table beside an image; two outputs, one of which the table reaches alone."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2), nn.ELU(), nn.AvgPool2d(3, 2, 1), nn.Flatten(), nn.LazyLinear(6), nn.Tanh()
        )
        self.table = nn.Sequential(nn.Linear(7, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))
        self.head, self.risk = nn.Linear(12, 3), nn.Linear(6, 1)

    def forward(self, image: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
        t = self.table(table)
        return torch.softmax(self.head(torch.cat([self.image(image), t], 1)), 1), torch.sigmoid(self.risk(t))


class Encoder(nn.Module):
    """torch's own encoder layers on a sequence of vectors."""

    def __init__(self, norm_first: bool = False) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(12, 3, 20, activation="gelu", batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(x).mean(1))


class Attention(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads, self.qkv, self.out = heads, nn.Linear(d, 3 * d), nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        n, length, d = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-2, -1) / (d // self.heads) ** 0.5, -1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, d))


class PreNorm(nn.Module):
    def __init__(self, d: int, heads: int, approximate: str = "none") -> None:
        super().__init__()
        self.norm1, self.norm2, self.attention = nn.LayerNorm(d), nn.LayerNorm(d), Attention(d, heads)
        self.mlp = nn.Sequential(nn.Linear(d, 2 * d), nn.GELU(approximate), nn.Linear(2 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Tokens(nn.Module):
    """Token ids through an embedding; written out by hand, as most encoders are."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(30, 12), nn.Parameter(torch.randn(1, 9, 12) / 2)
        self.blocks = nn.Sequential(PreNorm(12, 3), PreNorm(12, 3, "tanh"))
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 4)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.words(ids) + self.places))[:, 0])


class ViT(nn.Module):
    """Dosovitskiy et al. 2020: patches, a class token in front."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, 12, 8, 8), nn.Parameter(torch.randn(1, 1, 12))
        self.places, self.block, self.norm = nn.Parameter(torch.randn(1, 17, 12) / 2), PreNorm(12, 2), nn.LayerNorm(12)
        self.head = nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.block(x))[:, 0])


class ConvNeXt(nn.Module):
    """Liu et al. 2022: 7×7 depthwise, channels-last LayerNorm and MLP, layer scale."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.depthwise = nn.Conv2d(3, 8, 4, 4), nn.Conv2d(8, 8, 7, padding=3, groups=8)
        self.norm, self.up, self.down = nn.LayerNorm(8, 1e-6), nn.Linear(8, 32), nn.Linear(32, 8)
        self.scale, self.head = nn.Parameter(torch.rand(8)), nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        y = (self.scale * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)
        return self.head((x + y).mean((2, 3)))


class Signal(nn.Module):
    """A 1-D convolutional net: dilated, grouped, instance- and group-normalised, attention pooling by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Sequential(
            nn.Conv1d(2, 8, 5, 2, 2), nn.BatchNorm1d(8), nn.PReLU(8), nn.MaxPool1d(3, 2, ceil_mode=True)
        )
        self.two = nn.Sequential(
            nn.ConstantPad1d((2, 1), 0.3), nn.Conv1d(8, 8, 3, dilation=2, groups=2), nn.GroupNorm(2, 8), nn.Softplus()
        )
        self.three = nn.Sequential(
            nn.Conv1d(8, 6, 3, padding="same", padding_mode="reflect"), nn.InstanceNorm1d(6, affine=True), nn.SELU()
        )
        self.attend, self.head = nn.Conv1d(6, 1, 1), nn.Linear(12, 4)

    def forward(self, x: Tensor) -> Tensor:
        h = self.three(self.two(self.one(x)))
        pooled = (h * torch.softmax(self.attend(h), -1)).sum(-1)
        return F.log_softmax(self.head(torch.cat([pooled, h.amax(-1)], 1)), 1)


class Recurrent(nn.Module):
    """Two layers, both ways, samples first."""

    def __init__(self, cell: type[nn.LSTM | nn.GRU]) -> None:
        super().__init__()
        self.cell = cell(3, 5, num_layers=2, batch_first=True, bidirectional=True)
        self.head = nn.Linear(10, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.cell(x)[0].mean(1))


@dataclass(frozen=True)
class Entry:
    """An architecture and the shapes of one sample of each input; `tokens`: they are ids below it."""

    make: Callable[[], nn.Module]
    shapes: tuple[tuple[int, ...], ...] = ((3, 32, 32),)
    tokens: int = 0

    def model(self) -> nn.Module:
        """Random weights; statistics of normalisations away from 0 and 1."""
        torch.manual_seed(0)
        model = self.make()
        with torch.no_grad():
            model(*self.data(2))
            for m in model.modules():
                if isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d)):
                    assert m.running_mean is not None and m.running_var is not None
                    m.running_mean.normal_(0, 0.3)
                    m.running_var.uniform_(0.5, 1.5)
                    nn.init.uniform_(m.weight, 0.5, 1.5)
                    nn.init.normal_(m.bias, 0, 0.3)
        return model.eval()

    def data(self, n: int) -> tuple[Tensor, ...]:
        g = torch.Generator().manual_seed(1)
        if self.tokens:
            return tuple(torch.randint(0, self.tokens, (n, *s), generator=g) for s in self.shapes)
        return tuple(torch.randn((n, *s), generator=g) for s in self.shapes)


ZOO: dict[str, Entry] = {
    "lstm": Entry(lambda: Recurrent(nn.LSTM), ((7, 3),)),
    "gru": Entry(lambda: Recurrent(nn.GRU), ((7, 3),)),
    "resnet_basic": Entry(lambda: resnet(BasicBlock)),
    "resnet_bottleneck": Entry(lambda: resnet(Bottleneck)),
    "vgg": Entry(vgg),
    "densenet": Entry(DenseNet),
    "mobilenet_v2": Entry(mobilenet_v2),
    "mobilenet_v3": Entry(mobilenet_v3),
    "efficientnet": Entry(efficientnet),
    "unet": Entry(UNet, ((3, 16, 16),)),
    "two_inputs": Entry(TwoInputs, ((3, 15, 13), (7,))),
    "encoder": Entry(Encoder, ((6, 12),)),
    "encoder_norm_first": Entry(lambda: Encoder(True), ((6, 12),)),
    "tokens": Entry(Tokens, ((9,),), tokens=30),
    "vit": Entry(ViT),
    "convnext": Entry(ConvNeXt),
    "signal": Entry(Signal, ((2, 47),)),
}
