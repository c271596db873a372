"""Every LRP rule for z = xW + b once more, slowly, from explicit matrices, as the papers write them.

One flat sample: x (n,), w (n, m) with w[i, j] from input i to output j, b (m,), R (m,) → (n,). `reads` (n, m) marks
which inputs an output reads at all, padding being none of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

BIAS = ("absorb", "ignore", "distribute")


def st(z: Tensor, epsilon: float) -> Tensor:
    return torch.tensor([v + epsilon if v >= 0 else v - epsilon for v in z.tolist()], dtype=z.dtype)


def share(z: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str, epsilon: float) -> Tensor:
    """R_i = Σ_j z_ij / st(Σ_k z_kj [+ b_j]) R_j, and b_j's share as the bias policy has it."""
    total = z.sum(0) if bias == "ignore" else z.sum(0) + b
    den = st(total, epsilon)
    out = torch.zeros(z.shape[0], dtype=z.dtype)
    for j in range(z.shape[1]):
        if den[j] == 0:
            continue
        out += z[:, j] * r[j] / den[j]
        if bias == "distribute" and reads[:, j].any():
            out += reads[:, j].to(z.dtype) / reads[:, j].sum() * b[j] * r[j] / den[j]
    return out


def epsilon(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str, eps: float = 1e-6) -> Tensor:
    return share(x[:, None] * w, b, reads, r, bias, eps)


def zero(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str) -> Tensor:
    return share(x[:, None] * w, b, reads, r, bias, 0.0)


def norm(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str) -> Tensor:
    return share(x[:, None] * w, b, reads, r, "ignore", 1e-6)


def alpha_beta(
    x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str, alpha: float = 2.0, beta: float = 1.0
) -> Tensor:
    z = x[:, None] * w
    if bias == "whole":
        above, below, bias = b, b, "absorb"
    else:
        above, below = b.clamp(min=0), b.clamp(max=0)
    positive = share(z.clamp(min=0), above, reads, r, bias, 1e-6)
    return alpha * positive - beta * share(z.clamp(max=0), below, reads, r, bias, 1e-6)


def z_plus(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str) -> Tensor:
    return share((x[:, None] * w).clamp(min=0), b.clamp(min=0), reads, r, bias, 1e-6)


def positive_weights(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str) -> Tensor:
    return share(x[:, None] * w.clamp(min=0), b, reads, r, bias, 1e-6)


def gamma(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str, g: float = 0.25) -> Tensor:
    z = x[:, None] * w
    y = z.sum(0) + b
    above = share(z + g * z.clamp(min=0), b + g * b.clamp(min=0), reads, torch.where(y > 0, r, 0.0), bias, 1e-6)
    below = share(z + g * z.clamp(max=0), b + g * b.clamp(max=0), reads, torch.where(y < 0, r, 0.0), bias, 1e-6)
    return above + below


def gamma_original(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str, g: float = 0.25) -> Tensor:
    return share(x[:, None] * (w + g * w.clamp(min=0)), b, reads, r, bias, 1e-6)


def z_box(
    x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str, low: float = -3.0, high: float = 4.0
) -> Tensor:
    z = x[:, None] * w - low * w.clamp(min=0) - high * w.clamp(max=0)
    return share(z, torch.zeros_like(b), reads, r, "absorb", 1e-6)


def flat(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str) -> Tensor:
    return share(reads.to(x.dtype), torch.zeros_like(b), reads, r, "absorb", 1e-6)


def w_square(x: Tensor, w: Tensor, b: Tensor, reads: Tensor, r: Tensor, bias: str) -> Tensor:
    return share(w**2, b**2, reads, r, bias, 1e-6)
