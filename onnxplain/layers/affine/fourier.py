"""DFT: the discrete Fourier transform, on real and imaginary parts side by side on the last axis."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..base import OnnxNode
from ..kinds import Affine, Part, part_of


class Fourier(Affine):
    """y_k = Σ_n e^(∓2πi kn/N) x_n, divided by N where `inverse`; x cut or filled with zeros to length N.

    `onesided`: of a spectrum only the first N/2 + 1 places are given; inverse, only those are read, the others taken
    for their conjugates, and the result is real. J itself is applied by fast transforms, its parts as a matrix.
    """

    onnx = {"DFT": 17}
    family = "other"

    def __init__(self, axis: int, length: int | None = None, inverse: bool = False, onesided: bool = False) -> None:
        super().__init__()
        self.axis, self.length, self.inverse, self.onesided = axis, length, inverse, onesided
        self.real = inverse and onesided  # the result is

    @classmethod
    def build(cls, node: OnnxNode) -> Fourier | None:
        if not node.only_dynamic(0) or not node.is_floating(0):
            return None
        (axis,) = node.ints("axis", 2, [-2 if node.opset >= 20 else 1])
        (length,) = node.ints("dft_length", 1, [None])
        return cls(axis, length, bool(node.attr("inverse", 0)), bool(node.attr("onesided", 0)))

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x)

    def linear(self, x: Tensor, part: Part = "all") -> Tensor:
        a = self.axis - x.dim() if self.axis >= 0 else self.axis
        v = x.movedim(a, -2)  # (…, n, parts)
        if part == "all":
            return self.fast(v).movedim(-2, a)
        return torch.einsum("...nc,kpnc->...kp", v, part_of(self.matrix(v), part)).movedim(-2, a)

    def transpose(self, r: Tensor, like: Tensor, part: Part = "all") -> Tensor:
        a = self.axis - like.dim() if self.axis >= 0 else self.axis
        v, x = r.movedim(a, -2), like.movedim(a, -2)
        if part == "all":
            return self.fast_transpose(v, x).movedim(-2, a)
        return torch.einsum("...kp,kpnc->...nc", v, part_of(self.matrix(x), part)).movedim(-2, a)

    def n(self, x: Tensor) -> int:
        if self.length is not None:
            return self.length
        return 2 * (x.shape[-2] - 1) if self.real else x.shape[-2]

    def fast(self, x: Tensor) -> Tensor:
        n, z = self.n(x), as_complex(x)
        if self.real:
            return torch.fft.irfft(z, n)[..., None]
        y = torch.fft.ifft(z, n) if self.inverse else torch.fft.fft(z, n)
        return torch.view_as_real((y[..., : n // 2 + 1] if self.onesided else y).resolve_conj())

    def fast_transpose(self, r: Tensor, x: Tensor) -> Tensor:
        n = self.n(x)
        if self.real:
            z = torch.fft.rfft(r[..., 0]) * self.doubled(n, x) / n
        elif self.inverse:
            z = torch.fft.fft(as_complex(r)) / n
        else:
            z = torch.fft.ifft(as_complex(r), n) * n  # a spectrum cut to one side: what it lacks counts as 0
        missing = x.shape[-2] - z.shape[-1]
        z = torch.nn.functional.pad(torch.view_as_real(z.resolve_conj()), (0, 0, 0, missing))
        return z[..., : x.shape[-1]]

    def matrix(self, x: Tensor) -> Tensor:
        """J as (k, part of y, n, part of x)."""
        n = self.n(x)
        read = min(x.shape[-2], n // 2 + 1 if self.real else n)
        made = n // 2 + 1 if self.onesided and not self.real else n
        step = torch.arange(max(made, read), device=x.device)
        turn = 2 * math.pi / n * (step[:made, None] * step[:read]).remainder(n).to(x.dtype)
        cos, sin = torch.cos(turn), torch.sin(turn)
        if self.real:
            w = self.doubled(n, x)[:read] / n
            ends = (step[:read] == 0) | (2 * step[:read] == n)  # their imaginary parts are not read
            j = torch.stack([w * cos, torch.where(ends, 0.0, -w * sin)], -1)[:, None]
        else:
            s = sin if self.inverse else -sin
            j = torch.stack([torch.stack([cos, -s], -1), torch.stack([s, cos], -1)], 1)
            j = j / n if self.inverse else j
        j = torch.nn.functional.pad(j, (0, 0, 0, x.shape[-2] - read))
        return j[..., : x.shape[-1]]

    def doubled(self, n: int, like: Tensor) -> Tensor:
        """How often a place of a half spectrum stands in the whole one."""
        k = torch.arange(n // 2 + 1, device=like.device)
        return torch.where((k == 0) | (2 * k == n), 1.0, 2.0).to(like.dtype)


def as_complex(x: Tensor) -> Tensor:
    return x[..., 0].to(x.dtype.to_complex()) if x.shape[-1] == 1 else torch.view_as_complex(x.contiguous())
