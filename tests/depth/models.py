"""ResNet-50, DenseNet-121, MobileNetV3-Large, ConvNeXt-T, ViT-B, BERT-base and GPT-2: every block they have, few channels."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import onnx
import torch
from onnx import ModelProto
from torch import Tensor, nn
from torch.nn import functional as F

from ..exporters.zoo import Attention, Bottleneck, Inverted, PreNorm, Squeeze, conv_bn


def resnet_50() -> nn.Module:
    """He et al. 2015: bottlenecks 3, 4, 6, 3."""
    widths, depths = (16, 24, 32, 48), (3, 4, 6, 3)
    blocks: list[nn.Module] = []
    before = 8
    for k, (width, depth) in enumerate(zip(widths, depths, strict=True)):
        blocks += [Bottleneck(before if i == 0 else width, width, 2 if i == 0 and k else 1) for i in range(depth)]
        before = width
    stem = [conv_bn(3, 8, 7, 2, act=nn.ReLU()), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(before, 5))


class Dense(nn.Module):
    def __init__(self, i: int, growth: int) -> None:
        super().__init__()
        squeeze = [nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, 2 * growth, 1, bias=False)]
        self.body = nn.Sequential(*squeeze, nn.BatchNorm2d(2 * growth), nn.ReLU(), nn.Conv2d(2 * growth, growth, 3, padding=1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.body(x)], 1)


def densenet_121() -> nn.Module:
    """Huang et al. 2016: dense blocks 6, 12, 24, 16."""
    parts: list[nn.Module] = [conv_bn(3, 8, 7, 2, act=nn.ReLU()), nn.MaxPool2d(3, 2, 1)]
    width = 8
    for k, depth in enumerate((6, 12, 24, 16)):
        for _ in range(depth):
            parts.append(Dense(width, 2))
            width += 2
        if k < 3:
            parts += [nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, width // 2, 1, bias=False), nn.AvgPool2d(2)]
            width //= 2
    return nn.Sequential(*parts, nn.BatchNorm2d(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 5))


def mobilenet_v3() -> nn.Module:
    """Howard et al. 2019: the 15 blocks of Large, a quarter of its channels or less."""
    rows = [  # kernel, channels, squeeze-excite, hard-swish, stride
        (3, 8, 0, 0, 1), (3, 8, 0, 0, 2), (3, 8, 0, 0, 1), (5, 12, 1, 0, 2), (5, 12, 1, 0, 1), (5, 12, 1, 0, 1),
        (3, 16, 0, 1, 2), (3, 16, 0, 1, 1), (3, 16, 0, 1, 1), (3, 16, 0, 1, 1), (3, 20, 1, 1, 1), (3, 20, 1, 1, 1),
        (5, 24, 1, 1, 2), (5, 24, 1, 1, 1), (5, 24, 1, 1, 1),
    ]  # fmt: skip
    blocks, before = [], 8
    for kernel, width, squeeze, swish, stride in rows:
        gate = (lambda c: Squeeze(c, nn.Hardsigmoid(), nn.ReLU())) if squeeze else None
        blocks.append(Inverted(before, width, kernel, stride, nn.Hardswish if swish else nn.ReLU, gate))
        before = width
    head = [conv_bn(before, 32, 1, act=nn.Hardswish()), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 24), nn.Hardswish()]
    return nn.Sequential(conv_bn(3, 8, 3, 2, act=nn.Hardswish()), *blocks, *head, nn.Linear(24, 5))


class ChannelNorm(nn.Module):
    """LayerNorm over the channels of an image, written out as its authors do."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.rand(c) + 0.5), nn.Parameter(torch.randn(c) / 3)

    def forward(self, x: Tensor) -> Tensor:
        u = x.mean(1, keepdim=True)
        s = (x - u).pow(2).mean(1, keepdim=True)
        x = (x - u) / torch.sqrt(s + 1e-6)
        return self.weight[:, None, None] * x + self.bias[:, None, None]


class ConvNeXtBlock(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(c, c, 7, padding=3, groups=c), nn.LayerNorm(c, 1e-6)
        self.up, self.down, self.scale = nn.Linear(c, 4 * c), nn.Linear(4 * c, c), nn.Parameter(torch.rand(c))

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.down(F.gelu(self.up(y)))).permute(0, 3, 1, 2)


def convnext_t() -> nn.Module:
    """Liu et al. 2022: blocks 3, 3, 9, 3."""
    widths, parts = (8, 12, 16, 20), [nn.Conv2d(3, 8, 4, 4), ChannelNorm(8)]
    for k, depth in enumerate((3, 3, 9, 3)):
        if k:
            parts += [ChannelNorm(widths[k - 1]), nn.Conv2d(widths[k - 1], widths[k], 2, 2)]
        parts += [ConvNeXtBlock(widths[k]) for _ in range(depth)]
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(20), nn.Linear(20, 5))


class ViT(nn.Module):
    """Dosovitskiy et al. 2020: 12 blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.token = nn.Conv2d(3, 12, 8, 8), nn.Parameter(torch.randn(1, 1, 12))
        self.places, self.blocks = nn.Parameter(torch.randn(1, 17, 12) / 2), nn.Sequential(*(PreNorm(12, 3) for _ in range(12)))
        self.norm, self.head = nn.LayerNorm(12), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.places
        return self.head(self.norm(self.blocks(x))[:, 0])


class PostNorm(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.attention, self.norm1, self.norm2 = Attention(d, heads), nn.LayerNorm(d, 1e-12), nn.LayerNorm(d, 1e-12)
        self.mlp = nn.Sequential(nn.Linear(d, 4 * d), nn.GELU(), nn.Linear(4 * d, d))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.mlp(x))


class BERT(nn.Module):
    """Devlin et al. 2018: 12 layers, normalised after each sum, a pooled first token."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places, self.norm = nn.Embedding(40, 12), nn.Parameter(torch.randn(1, 9, 12) / 2), nn.LayerNorm(12, 1e-12)
        self.layers = nn.Sequential(*(PostNorm(12, 3) for _ in range(12)))
        self.pool, self.head = nn.Linear(12, 12), nn.Linear(12, 4)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.layers(self.norm(self.words(ids) + self.places))
        return self.head(torch.tanh(self.pool(x[:, 0])))


class Causal(Attention):
    def __init__(self, d: int, heads: int, length: int = 9) -> None:
        super().__init__(d, heads)
        self.register_buffer("later", torch.ones(length, length).triu(1).bool())

    def forward(self, x: Tensor) -> Tensor:
        n, length, d = x.shape
        q, k, v = self.qkv(x).reshape(n, length, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / (d // self.heads) ** 0.5
        scores = scores.masked_fill(self.later, float("-inf"))
        return self.out((torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(n, length, d))


class GPT2(nn.Module):
    """Radford et al. 2019: 12 layers, normalised before, causal attention, tanh-gelu; the next token's logits."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(40, 12), nn.Parameter(torch.randn(1, 9, 12) / 2)
        blocks = [PreNorm(12, 3, "tanh") for _ in range(12)]
        for block in blocks:
            block.attention = Causal(12, 3)
        self.blocks, self.norm = nn.Sequential(*blocks), nn.LayerNorm(12)

    def forward(self, ids: Tensor) -> Tensor:
        return F.linear(self.norm(self.blocks(self.words(ids) + self.places))[:, -1], self.words.weight)


@dataclass(frozen=True)
class Deep:
    """An architecture, the shape of one sample, and the operators it must be merged to: name → how many."""

    make: Callable[[], nn.Module]
    shape: tuple[int, ...] = (3, 64, 64)
    tokens: int = 0
    merged: tuple[tuple[str, int], ...] = ()

    def data(self, seed: int) -> Tensor:
        g = torch.Generator().manual_seed(seed)
        return torch.randint(1, self.tokens, (2, *self.shape), generator=g) if self.tokens else torch.randn((2, *self.shape), generator=g)


MODELS: dict[str, Deep] = {
    "resnet_50": Deep(resnet_50, merged=(("Conv", 53), ("BatchNormalization", 0))),
    "densenet_121": Deep(densenet_121, merged=(("Conv", 120),)),
    "mobilenet_v3": Deep(mobilenet_v3, merged=(("HardSwish", 21), ("HardSigmoid", 8))),
    "convnext_t": Deep(convnext_t, merged=(("LayerNormalization", 23), ("Gelu", 18), ("ReduceMean", 0))),
    "vit_b": Deep(ViT, (3, 32, 32), merged=(("LayerNormalization", 25), ("Gelu", 12), ("Softmax", 12))),
    "bert": Deep(BERT, (9,), tokens=40, merged=(("LayerNormalization", 25), ("Gelu", 12), ("Softmax", 12))),
    "gpt2": Deep(GPT2, (9,), tokens=40, merged=(("LayerNormalization", 25), ("Gelu", 12), ("Softmax", 12))),
}


@cache
def exported(name: str, opset: int = 13) -> ModelProto:
    """At opset 13 LayerNorm and gelu are written out."""
    torch.manual_seed(0)
    deep = MODELS[name]
    model, x = deep.make(), deep.data(0)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = None  # the statistics of the data: without them activations grow with depth
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias, 0, 0.3)
    file = io.BytesIO()
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        model.train()(x)
        torch.onnx.export(
            model.eval(), (x,), file, dynamo=False, opset_version=opset, input_names=["x"], dynamic_axes={"x": {0: "n"}}
        )
    return onnx.load_model_from_string(file.getvalue())
