"""Probit and the calibrated chances of a support vector machine: as onnxruntime approximates them."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from ..base import Layer, OnnxNode
from ..kinds import Elementwise

#: Winitzki's approximation of the inverse error function
A = 0.147
#: of the iteration that couples the chances of pairs
ROUNDS = 100


class Probit(Elementwise):
    """√2·erf⁻¹(2p − 1), to three digits: erf⁻¹(u) = sgn(u)·√(√(v² − l/a) − v), l = log(1 − u²), v = 2/(πa) + l/2
    (Winitzki 2008). Not an operator of ONNX, but a post_transform of classifiers."""

    onnx = {"onnxplain:Probit": 1}

    @classmethod
    def build(cls, node: OnnxNode) -> Probit | None:
        return cls() if node.is_floating(0) else None

    def forward(self, x: Tensor) -> Tensor:
        u = 2 * x - 1
        log = torch.log((1 - u) * (1 + u))
        v = 2 / (math.pi * A) + log / 2
        return math.sqrt(2) * u.sign() * torch.sqrt(torch.sqrt(v * v - log / A) - v)

    def derivative(self, x: Tensor, y: Tensor) -> Tensor:
        u = 2 * x - 1
        log = torch.log((1 - u) * (1 + u))
        v = 2 / (math.pi * A) + log / 2
        root = torch.sqrt(v * v - log / A)
        by_log = (v - 1 / A) / (2 * root) - 0.5  # of the inner difference, which is y²/2
        small = u.abs() < 1e-4
        slope = -4 * u * by_log / ((1 - u) * (1 + u)) / torch.where(small, 1.0, y)
        return torch.where(small, math.sqrt(2 * math.pi), 2 * slope)


class Chances(Layer):
    """Class probabilities of a calibrated support vector machine, from its scores of all pairs of classes.

    Each pair's chance is r = 1/(1 + e^(a·score + b)); the classes' are found from all pairs' by at most 100 rounds of a
    fixed-point iteration that stops at an error of 0.005/k (Wu, Lin & Weng 2004, algorithm 2): a number of rounds, which
    jumps as the scores change. It has no rule; `outputs=` at the scores has.
    """

    onnx = {"onnxplain:Chances": 1}
    kind = "Chances"
    advice = "calibrated probabilities are found by iteration: explain the scores before them, ox.load(..., outputs=[…]), or use KernelShap"

    def __init__(self, a: list[float], b: list[float], dtype: torch.dtype) -> None:
        super().__init__()
        self.register_buffer("a", torch.tensor(a, dtype=dtype))
        self.register_buffer("b", torch.tensor(b, dtype=dtype))
        self.k = (1 + math.isqrt(1 + 8 * len(a))) // 2
        self.pairs = list(itertools.combinations(range(self.k), 2))

    @classmethod
    def build(cls, node: OnnxNode) -> Chances | None:
        a, b = node.attr("a"), node.attr("b")
        return cls(a, b, node.dtype) if node.is_floating(0) and len(a) == len(b) else None

    def forward(self, scores: Tensor) -> Tensor:
        r = torch.sigmoid(-(self.a * scores + self.b)).clamp(1e-7, 1 - 1e-7)  # (rows, pair)
        table = r.new_zeros((len(r), self.k, self.k))
        first, second = torch.tensor(self.pairs, device=r.device).T
        flat = (
            table.reshape(len(r), -1)
            .index_copy(1, first * self.k + second, r)
            .index_copy(1, second * self.k + first, 1 - r)
        )
        table = flat.reshape(table.shape)
        q = torch.diag_embed((table.mT**2).sum(2)) - table.mT * table
        return self.coupled(q)

    def coupled(self, q: Tensor) -> Tensor:
        """The iteration on all rows; each stops by itself."""
        k = self.k
        p, error = q.new_full(q.shape[:2], 1 / k), 0.005 / k
        running = torch.ones_like(p[:, :1], dtype=torch.bool)
        for _ in range(ROUNDS):
            qp = (q @ p[..., None])[..., 0]
            total = (p * qp).sum(1, keepdim=True)
            running = running & ((qp - total).abs().amax(1, keepdim=True) >= error)
            if not bool(running.any()):
                break
            for t in range(k):
                diff = torch.where(running, (total - qp[:, t : t + 1]) / q[:, t, t, None], 0.0)
                unit = torch.zeros_like(p).index_fill(1, torch.tensor([t], device=p.device), 1.0)
                total = (total + diff * (diff * q[:, t, t, None] + 2 * qp[:, t : t + 1])) / (1 + diff) ** 2
                qp = (qp + diff * q[:, t]) / (1 + diff)
                p = (p + diff * unit) / (1 + diff)
        return p
