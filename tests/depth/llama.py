"""A decoder in LLaMA's shape whose gradient can be edited so that gradient × input is AttnLRP or CP-LRP.

The edits are those by which LXT's "efficient" engine works (Achtibat et al. 2024, section 3 and appendix B): a factor of
a product of two activations has its gradient divided, a normalization's statistics and, for CP-LRP, attention weights
and gates are constants, and an activation f(x) has the gradient f(x)/x.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Edits:
    """`rule`: "none" is the model itself, for export."""

    def __init__(self, rule: str = "none") -> None:
        self.rule = rule

    def divided(self, x: Tensor, by: float) -> Tensor:
        return x if self.rule != "attnlrp" else x / by + (x * (1 - 1 / by)).detach()

    def statistic(self, x: Tensor) -> Tensor:
        return x if self.rule == "none" else x.detach()

    def constant(self, x: Tensor) -> Tensor:
        return x.detach() if self.rule == "cplrp" else x

    def identity(self, x: Tensor, y: Tensor) -> Tensor:
        return y if self.rule == "none" else x * (y / x).detach()


class RMSNorm(nn.Module):
    def __init__(self, d: int, edits: Edits) -> None:
        super().__init__()
        self.weight, self.edits = nn.Parameter(torch.rand(d) + 0.5), edits

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * self.edits.statistic(torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)))


class LayerNorm(nn.LayerNorm):
    def __init__(self, d: int, edits: Edits) -> None:
        super().__init__(d)
        self.edits = edits
        nn.init.uniform_(self.weight, 0.5, 1.5)
        nn.init.normal_(self.bias, 0, 0.3)

    def forward(self, x: Tensor) -> Tensor:
        a = x - x.mean(-1, keepdim=True)
        return a / self.edits.statistic(torch.sqrt(a.pow(2).mean(-1, keepdim=True) + self.eps)) * self.weight + self.bias


class GroupedAttention(nn.Module):
    """Queries of `heads`, keys and values of `kv` heads; rotary positions; causal."""

    def __init__(self, d: int, heads: int, kv: int, length: int, edits: Edits) -> None:
        super().__init__()
        self.heads, self.kv, self.width, self.edits = heads, kv, d // heads, edits
        self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, kv * self.width), nn.Linear(d, kv * self.width)
        self.out = nn.Linear(d, d, bias=False)
        angles = torch.outer(torch.arange(length).double(), 100.0 ** (-torch.arange(0, self.width, 2) / self.width))
        self.register_buffer("cos", torch.cat([angles, angles], -1).cos())
        self.register_buffer("sin", torch.cat([angles, angles], -1).sin())
        self.register_buffer("later", torch.ones(length, length).triu(1).bool())

    def turned(self, x: Tensor) -> Tensor:
        half = self.width // 2
        return x * self.cos + torch.cat([-x[..., half:], x[..., :half]], -1) * self.sin

    def forward(self, x: Tensor) -> Tensor:
        n, length, d = x.shape
        q, k, v = (
            f(x).reshape(n, length, h, self.width).transpose(1, 2)
            for f, h in ((self.q, self.heads), (self.k, self.kv), (self.v, self.kv))
        )
        q, k = self.edits.divided(self.turned(q), 4), self.edits.divided(self.turned(k), 4)
        v = self.edits.divided(v, 2)
        k, v = (
            t[:, :, None].expand(n, self.kv, self.heads // self.kv, length, self.width).reshape(n, self.heads, length, self.width)
            for t in (k, v)
        )
        scores = (q @ k.transpose(-2, -1) / self.width**0.5).masked_fill(self.later, float("-inf"))
        weights = self.edits.constant(torch.softmax(scores, -1))
        return self.out((weights @ v).transpose(1, 2).reshape(n, length, d))


class Block(nn.Module):
    def __init__(self, d: int, length: int, edits: Edits, classic: bool) -> None:
        super().__init__()
        norm = LayerNorm if classic else RMSNorm
        self.norm1, self.norm2, self.edits, self.classic = norm(d, edits), norm(d, edits), edits, classic
        self.attention = GroupedAttention(d, 4, 2, length, edits)
        self.gate, self.up, self.down = nn.Linear(d, 2 * d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        h = self.norm2(x)
        g = self.gate(h)
        if self.classic:
            return x + self.down(self.edits.identity(g, F.gelu(g)))
        a = self.edits.constant(self.edits.identity(g, F.silu(g)))
        return x + self.down(self.edits.divided(a * self.up(h), 2))


class Decoder(nn.Module):
    """`classic`: LayerNorm and a gelu; else RMSNorm and a SiLU-gated MLP."""

    def __init__(self, classic: bool, d: int = 16, length: int = 6, layers: int = 3) -> None:
        super().__init__()
        self.edits = Edits()
        self.blocks = nn.Sequential(*(Block(d, length, self.edits, classic) for _ in range(layers)))
        self.norm, self.head = (LayerNorm if classic else RMSNorm)(d, self.edits), nn.Linear(d, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(x))[:, -1])

    def gradient_times_input(self, x: Tensor, unit: int, rule: str) -> Tensor:
        self.edits.rule = rule
        x = x.clone().requires_grad_()
        (gradient,) = torch.autograd.grad(self(x)[:, unit].sum(), x)
        self.edits.rule = "none"
        return (x * gradient).detach()
