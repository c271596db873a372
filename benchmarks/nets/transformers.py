"""Transformers of the usual shapes on embedded tokens: BERT, GPT-2, ViT. Attention is written out (product, softmax, product)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Operations:
    """The operations that AttnLRP treats on its own; `benchmarks.peers.lxt` puts LXT's in their place."""

    def gelu(self, x: Tensor) -> Tensor:
        return F.gelu(x)

    def norm(self, layer: nn.LayerNorm, x: Tensor) -> Tensor:
        return layer(x)

    def attention(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
        if mask is not None:
            scores = scores + mask
        return scores.softmax(-1) @ v


class Block(nn.Module):
    """Attention and a GELU layer, each beside the identity; `first`: normalized before (GPT-2, ViT) or after (BERT)."""

    def __init__(self, width: int, heads: int, first: bool) -> None:
        super().__init__()
        self.heads, self.first = heads, first
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.operations = Operations()

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        if self.first:
            x = x + self.attend(self.operations.norm(self.norm1, x), mask)
            return x + self.feed(self.operations.norm(self.norm2, x))
        x = self.operations.norm(self.norm1, x + self.attend(x, mask))
        return self.operations.norm(self.norm2, x + self.feed(x))

    def attend(self, x: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.out(self.operations.attention(q, k, v, mask).transpose(1, 2).flatten(2))

    def feed(self, x: Tensor) -> Tensor:
        return self.down(self.operations.gelu(self.up(x)))


class Transformer(nn.Module):
    """Blocks over embedded tokens (n, tokens, width), then a dense layer on the first token, or, with a causal mask, on the
    last."""

    def __init__(
        self, depth: int, width: int, heads: int, outputs: int, first: bool, causal: bool, tokens: int
    ) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(width, heads, first) for _ in range(depth))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, outputs)
        mask = torch.full((tokens, tokens), -1e4).triu(1)
        self.register_buffer("mask", mask if causal else None)
        self.at = -1 if causal else 0
        self.operations = Operations()

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, self.mask)
        return self.head(self.operations.norm(self.norm, x[:, self.at]))


class Patches(nn.Module):
    """An image as embedded 16 × 16 patches with a class token before and positions added."""

    def __init__(self, side: int, width: int) -> None:
        super().__init__()
        self.cut = nn.Conv2d(3, width, 16, 16)
        self.token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position = nn.Parameter(0.02 * torch.randn(1, (side // 16) ** 2 + 1, width))

    def forward(self, x: Tensor) -> Tensor:
        x = self.cut(x).flatten(2).transpose(1, 2)
        return torch.cat((self.token.expand(x.shape[0], -1, -1), x), 1) + self.position


def bert(depth: int = 12, width: int = 768, outputs: int = 10) -> nn.Module:
    """The shape of BERT-base after its embedding, with a classifier on the first token."""
    return Transformer(depth, width, width // 64, outputs, first=False, causal=False, tokens=1)


def gpt2(tokens: int = 64) -> nn.Module:
    """The shape of GPT-2 (124 M) after its embedding, with the next token's 50,257 logits."""
    return Transformer(12, 768, 12, 50_257, first=True, causal=True, tokens=tokens)


def vit(depth: int = 12, width: int = 768) -> nn.Module:
    """The shape of ViT-B/16 for 224 × 224 images."""
    blocks = Transformer(depth, width, width // 64, 1000, first=True, causal=False, tokens=1)
    return nn.Sequential(Patches(224, width), blocks)
