"""Softmax, LogSoftmax and Hardmax."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from .base import Cotangents, OnnxNode, Placed, Pulled
from .elementwise.slopes import decay, difference, in_blocks
from .kinds import Integer, SoftmaxKind
from .shapes import Place, Shape, positive_axis


class Axes:
    """One axis (opset 13 and later), or all axes from `axis` on as if they were one (before)."""

    def __init__(self, node: OnnxNode) -> None:
        self.one = node.opset >= 13
        self.axis = int(node.attr("axis", -1 if self.one else 1))

    def of(self, rank: int) -> tuple[int, ...]:
        """Counted from the end, so that they hold for a value and for its cotangents."""
        first = positive_axis(self.axis, rank)
        return tuple(range(first - rank, first - rank + 1 if self.one else 0))

    def flatten(self, x: Tensor) -> tuple[Tensor, int]:
        """x with its softmax axes as one, and that axis."""
        axes = self.of(x.dim())
        return (x, axes[0]) if len(axes) == 1 else (x.reshape(*x.shape[: axes[0]], math.prod(x.shape[axes[0] :])), -1)


class AnySoftmax(SoftmaxKind):
    """What Softmax and LogSoftmax share: the axes, and how the shares s move between two inputs.

    With L = log Σ eˣ, log s_i moves by d_i = Δx_i − ΔL, so Δs_i = k_i d_i with k_i the logarithmic mean of s_i and s̄_i,
    max(s, s̄)·(1 − e^−|d|)/|d|; and ΔL = Σ w_j Δx_j with w = k/Σk, since the Δs sum to 0. Another such w follows the
    parts exp, Σ and log one by one: Δeˣʲ/Δx_j over Δ(Σeˣ)/ΔL; it changes where a number is added to all x, not to x̄.
    """

    adjoint_reads = frozenset({"outputs"})

    def __init__(self, axes: Axes) -> None:
        super().__init__()
        self.axes = axes

    def at_place(self, place: Place, shapes: Sequence[Shape], out: Shape | None) -> Placed | None:
        return None if place.axis in self.axes.of(len(shapes[0])) else (self, [place])

    def total(self, v: Tensor) -> Tensor:
        return v.sum(self.axes.of(v.dim() - 1), keepdim=True)

    def log_shares(self, x: Tensor) -> Tensor:
        """log s."""
        flat, axis = self.axes.flatten(x)
        return F.log_softmax(flat, axis).reshape(x.shape)

    def logarithmic_mean(self, x: Tensor, x0: Tensor) -> Tensor:
        """(s − s̄) / log(s/s̄); 0 where a mask of −∞ makes both 0."""
        return _logarithmic_mean(self.log_shares(x), self.log_shares(x0))

    def shift(self, x: Tensor, x0: Tensor, k: Tensor, by_parts: bool) -> Tensor:
        """w, with ΔL = Σ w Δx."""
        if not by_parts:
            return k / self.total(k[None])[0]
        axes = self.axes.of(x.dim())
        sums, sums0 = x.logsumexp(axes, keepdim=True), x0.logsumexp(axes, keepdim=True)
        largest = torch.maximum(x, x0) - torch.maximum(sums, sums0)
        return largest.exp() * decay(difference(x, x0).abs()) / decay((sums - sums0).abs())


class Softmax(AnySoftmax):
    """s_i = eˣⁱ / Σ eˣ. DeepLIFT: m_j = k_j g_j − w_j Σ k g."""

    onnx = {"Softmax": 1}

    @classmethod
    def build(cls, node: OnnxNode) -> Softmax:
        return cls(Axes(node))

    def forward(self, x: Tensor) -> Tensor:
        flat, axis = self.axes.flatten(x)
        return F.softmax(flat, axis).reshape(x.shape)

    def probabilities(self, y: Tensor) -> Tensor:
        return y

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,), (y,) = cotangents, outputs
        assert g is not None
        axes = self.axes.of(y.dim())
        if len(g) == 1 and len(axes) == 1:  # of one target, torch's own kernel
            return (torch.ops.aten._softmax_backward_data(g[0], y, axes[0], y.dtype)[None],)
        return (y * (g - self.total(g * y)),)

    def decompose(self, g: Tensor, x: Tensor, x0: Tensor, by_parts: bool = False) -> Tensor:
        if not by_parts and len(g) == 1 and self.axes.of(x.dim()) == (-1,):
            return in_blocks(_decomposed, g[0], x, x0, width=x.shape[-1])[None]
        k = self.logarithmic_mean(x, x0)
        return k * g - self.shift(x, x0, k, by_parts) * self.total(k * g)

    def nonnegative(self, inputs: tuple[bool, ...]) -> bool:
        return True


def _logarithmic_mean(logs: Tensor, logs0: Tensor) -> Tensor:
    return torch.maximum(logs, logs0).exp_().mul_(decay(difference(logs, logs0).abs_()))


def _decomposed(g: Tensor, x: Tensor, x0: Tensor) -> Tensor:
    """k (g − Σ k g / Σ k), over the last axis."""
    k = _logarithmic_mean(F.log_softmax(x, -1), F.log_softmax(x0, -1))
    return (g - (k * g).sum(-1, keepdim=True).div_(k.sum(-1, keepdim=True))).mul_(k)


class LogSoftmax(AnySoftmax):
    """x_i − log Σ eˣ. DeepLIFT: m = g − w Σ g."""

    onnx = {"LogSoftmax": 1}
    log = True

    @classmethod
    def build(cls, node: OnnxNode) -> LogSoftmax:
        return cls(Axes(node))

    def forward(self, x: Tensor) -> Tensor:
        return self.log_shares(x)

    def probabilities(self, y: Tensor) -> Tensor:
        return y.exp()

    def adjoint(self, cotangents: Cotangents, inputs: Sequence[Tensor], outputs: Sequence[Tensor]) -> Pulled:
        (g,), (y,) = cotangents, outputs
        assert g is not None
        return (g - y.exp() * self.total(g),)

    def decompose(self, g: Tensor, x: Tensor, x0: Tensor, by_parts: bool = False) -> Tensor:
        return g - self.shift(x, x0, self.logarithmic_mean(x, x0), by_parts) * self.total(g)


class Hardmax(Integer):
    """1 at the first of the largest elements, 0 elsewhere: constant wherever it is smooth, so it carries nothing."""

    onnx = {"Hardmax": 1}

    def __init__(self, axes: Axes, constants: Sequence[Tensor | None], dynamic: Sequence[bool]) -> None:
        super().__init__(constants, dynamic)
        self.axes = axes

    @classmethod
    def build(cls, node: OnnxNode) -> Hardmax:
        return cls(Axes(node), node.constants, node.dynamic)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.full(inputs)
        flat, axis = self.axes.flatten(x)
        winner = flat.argmax(axis, keepdim=True)
        return torch.zeros_like(flat).scatter(axis, winner, 1.0).reshape(x.shape)
