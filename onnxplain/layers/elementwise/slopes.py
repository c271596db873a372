"""(f(x) − f(x0)) / (x − x0), in forms that lose nothing where f is saturated or x is close to x0.

Every function takes x and x0 (they broadcast) and, where that helps, y = f(x) and y0 = f(x0). At x = x0 it gives
f′(x); where that is infinite it gives 0, since a difference of zero contributes nothing. Slopes compose:
that of f∘g is slope_f(g(x), g(x0)) · slope_g(x, x0).

`torch.where` costs forty times an addition where its condition is as good as random, and little where it is nearly
constant; so the common functions use it for exceptions only.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor


def difference(x: Tensor, x0: Tensor) -> Tensor:
    """x − x0, and 0 where both are the same infinity."""
    return (x - x0).nan_to_num_(nan=0.0)


def quotient(dy: Tensor, dx: Tensor, at_zero: Tensor | float) -> Tensor:
    """dy / dx, and `at_zero` where dx = 0."""
    same = dx == 0
    return torch.where(same, at_zero, dy / torch.where(same, 1.0, dx))


def per(f: Callable[[Tensor], Tensor], d: Tensor) -> Tensor:
    """f(d) / d for f(0) = 0 and f′(0) = 1."""
    return quotient(f(d), d, 1.0)


def decay(d: Tensor) -> Tensor:
    """(1 − e^−d)/d for d ≥ 0."""
    d = d.clamp(min=torch.finfo(d.dtype).tiny).neg_()  # 1 is what comes out there
    return torch.expm1(d).div_(d)


def finite(slope: Tensor) -> Tensor:
    """0 where the slope is infinite or undefined."""
    return torch.nan_to_num(slope, nan=0.0, posinf=0.0, neginf=0.0)


def widens(x: Tensor) -> bool:
    """Whether there are more digits than x has."""
    return x.dtype != torch.float64 and x.device.type != "mps"


def wide(x: Tensor) -> Tensor:
    """x in float64 where the device has it: for functions whose argument's own rounding is too much in their tails."""
    return x.double() if widens(x) else x


#: numbers, whose temporaries in float64 stay in the caches
BLOCK = 2**16


def in_blocks(f: Callable[..., Tensor], *xs: Tensor, width: int | None = None) -> Tensor:
    """f(*xs), of one shape, in one block after the other where they are large: fresh memory costs more than most f. f works
    element by element, or, with `width`, on rows of that many."""
    x = xs[0]
    if x.numel() < 2 * BLOCK or any(v.shape != x.shape for v in xs):
        return f(*xs)
    made = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    parts = [(made, *xs)]
    if not all(v.is_contiguous() for v in xs) and 4 * x[0].numel() >= BLOCK:
        parts = list(zip(made, *xs, strict=True))  # samples beside one baseline
    if not all(v.is_contiguous() for v in parts[0]):
        return f(*xs)
    shape, step = ((-1,), BLOCK) if width is None else ((-1, width), max(BLOCK // width, 1))
    for part in parts:
        flat, *others = (v.view(shape) for v in part)
        for i in range(0, len(flat), step):
            flat[i : i + step] = f(*[v[i : i + step] for v in others])
    return made


def opposite(x: Tensor, x0: Tensor) -> Tensor:
    """Whether zero lies between x and x0; there a difference of odd functions is a sum and cancels nothing."""
    return (x < 0) != (x0 < 0)


# piecewise ------------------------------------------------------------------------------------------------------


def above_zero(x: Tensor, x0: Tensor) -> Tensor:
    """The share of the way from x0 to x that lies above zero; for a point 1 above, 0 below or on it."""
    width = (x - x0).abs_().clamp_(min=torch.finfo(x.dtype).tiny)  # written over: new memory takes longer than the sums
    return torch.maximum(x, x0).div_(width).clamp_(0, 1)


def inside(g: Tensor, x: Tensor, low: float, high: float) -> Tensor:
    """g where x lies between low and high, 0 where it is outside or on them; g may have a leading target axis."""
    return torch.ops.aten.hardtanh_backward.default(g, x, low, high)


def share(x: Tensor, x0: Tensor, low: float, high: float) -> Tensor:
    """The share of the way from x0 to x that lies between low and high; for a point 1 inside, 0 outside or on them."""
    upper, lower = torch.maximum(x, x0), torch.minimum(x, x0)
    width = difference(upper, lower).clamp_(min=torch.finfo(x.dtype).tiny)
    length = width  # of what lies there: no more than the whole way, what is above low, what is below high, high − low
    if low > -math.inf:
        length = torch.minimum(length, upper.sub_(low))
    if high < math.inf:
        length = torch.minimum(length, lower.neg_().add_(high))
    return length.clamp(0, max(high - low, 0)).div_(width)


def jump_slope(same: Tensor, inner: Tensor | float, x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """f′ = inner where x and x0 lie on the same smooth piece of f, else Δy/Δx over the jump."""
    return torch.where(same, inner, (y - y0) / torch.where(same, 1.0, x - x0))


def abs_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """(|x| − |x0|) / (x − x0), which is ±1 unless zero lies between."""
    return quotient(x.abs() - x0.abs(), difference(x, x0), torch.sign(x))


# exponentials and logarithms ------------------------------------------------------------------------------------


def exp_slope(x: Tensor, x0: Tensor) -> Tensor:
    """e^max(x, x0) · (1 − e^−|Δ|)/|Δ|."""
    return torch.maximum(x, x0).exp() * decay(difference(x, x0).abs())


def sigmoid_slope(x: Tensor, x0: Tensor) -> Tensor:
    """σ(a) − σ(b) = σ(a) σ(−b) (1 − e^−(a−b)) for a > b: a product of what is left above and below."""
    high, low = torch.maximum(x, x0), torch.minimum(x, x0)
    return torch.sigmoid(high) * torch.sigmoid(-low) * decay(difference(x, x0).abs())


def tanh_slope(x: Tensor, x0: Tensor) -> Tensor:
    """tanh x = 2σ(2x) − 1. (tanh(a−b)(1 − tanh a tanh b) would cancel in its second factor.)"""
    return 4 * sigmoid_slope(2 * x, 2 * x0)


def softplus_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """log(1+e^a) − log(1+e^b) = log1p((e^(a−b) − 1) σ(b)) for a > b; far apart the plain difference is exact."""
    d = difference(x, x0).abs()
    near = torch.log1p(torch.expm1(d.clamp(max=20)) * torch.sigmoid(torch.minimum(x, x0)))
    return quotient(torch.where(d > 20, (y - y0).abs(), near), d, torch.sigmoid(x))


def log_slope(x: Tensor, x0: Tensor) -> Tensor:
    """log1p(Δ/b)/Δ with b the smaller of the two."""
    low = torch.minimum(x, x0)
    return per(torch.log1p, difference(x, x0).abs() / low) / low


# powers ---------------------------------------------------------------------------------------------------------


def sqrt_slope(y: Tensor, y0: Tensor) -> Tensor:
    """1 / (√x + √x0)."""
    return finite(1 / (y + y0))


def power_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor, p: Tensor) -> Tensor:
    """x^p − x0^p = −M^p expm1(p log(m/M)), M and m the larger and the smaller in size, where the two are close;
    for odd p and x, x0 on two sides of zero, and far apart, the plain difference cancels nothing."""
    size, size0 = x.abs(), x0.abs()
    larger, smaller = torch.maximum(size, size0), torch.minimum(size, size0)
    exponent = p * torch.log1p((smaller - larger) / larger)
    near = torch.where(size >= size0, -y, y0) * torch.expm1(exponent)
    close = (~opposite(x, x0) | (torch.remainder(p, 2) == 0)) & (exponent.abs() < 1)
    derivative = finite(power_derivative(x, p))
    return quotient(torch.where(close, near, y - y0), difference(x, x0), derivative)


def power_derivative(x: Tensor, p: Tensor) -> Tensor:
    """p x^(p−1), and 0 for p = 0 also at x = 0."""
    return torch.where(p == 0, 0.0, p * torch.pow(x, p - 1))


def softsign_slope(x: Tensor, x0: Tensor) -> Tensor:
    """(1 + 2m) / ((1+|x|)(1+|x0|)), m = |x||x0|/|Δ| where zero lies between, else 0."""
    size, size0 = x.abs(), x0.abs()
    m = torch.where(opposite(x, x0), size * quotient(size0, size + size0, 0.0), 0.0)
    return (1 + 2 * m) / ((1 + size) * (1 + size0))


# circular and hyperbolic functions ------------------------------------------------------------------------------


def sin_slope(x: Tensor, x0: Tensor) -> Tensor:
    """cos((x+x0)/2) · sin(Δ/2)/(Δ/2)."""
    return _halves(torch.cos, torch.sin, x, x0)


def cos_slope(x: Tensor, x0: Tensor) -> Tensor:
    """−sin((x+x0)/2) · sin(Δ/2)/(Δ/2)."""
    return -_halves(torch.sin, torch.sin, x, x0)


def _halves(f: Callable[[Tensor], Tensor], g: Callable[[Tensor], Tensor], x: Tensor, x0: Tensor) -> Tensor:
    """f((x+x0)/2) · g(Δ/2)/(Δ/2), without the rounding of the sum and the difference."""
    a, b = wide(x), wide(x0)
    return (f((a + b) / 2) * per(g, (a - b) / 2)).to(x.dtype)


def tan_slope(x: Tensor, x0: Tensor) -> Tensor:
    """sin(Δ)/Δ / (cos x cos x0)."""
    return per(torch.sin, x - x0) / (torch.cos(x) * torch.cos(x0))


def sinh_slope(x: Tensor, x0: Tensor) -> Tensor:
    """cosh((x+x0)/2) · sinh(Δ/2)/(Δ/2)."""
    return _halves(torch.cosh, torch.sinh, x, x0)


def cosh_slope(x: Tensor, x0: Tensor) -> Tensor:
    """sinh((x+x0)/2) · sinh(Δ/2)/(Δ/2)."""
    return _halves(torch.sinh, torch.sinh, x, x0)


def atan_slope(x: Tensor, x0: Tensor) -> Tensor:
    """atan2(|Δ|, 1 + x x0) / |Δ|."""
    d = (x - x0).abs()
    return quotient(torch.atan2(d, 1 + x * x0), d, 1 / (1 + x * x))


def asin_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """The angle with sine Δ·r and cosine x x0 + c c0, over Δ; r as in `_addition`, c = √(1 − x²)."""
    dx = x - x0
    c, c0 = torch.sqrt((1 - x) * (1 + x)), torch.sqrt((1 - x0) * (1 + x0))
    r = _addition(x, x0, c, c0)
    near = torch.atan2(dx * r, x * x0 + c * c0)
    return quotient(torch.where(opposite(x, x0), y - y0, near), dx, finite(1 / c))


def asinh_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """asinh(Δ·r)/Δ, r as in `_addition` with √(1 + x²)."""
    dx = x - x0
    r = _addition(x, x0, torch.sqrt(1 + x * x), torch.sqrt(1 + x0 * x0))
    return torch.where(opposite(x, x0), quotient(y - y0, dx, 1.0), per(torch.asinh, dx * r) * r)


def acosh_slope(x: Tensor, x0: Tensor) -> Tensor:
    """asinh(Δ·r)/Δ, r as in `_addition` with √(x² − 1)."""
    r = _addition(x, x0, torch.sqrt((x - 1) * (x + 1)), torch.sqrt((x0 - 1) * (x0 + 1)))
    return finite(per(torch.asinh, (x - x0) * r) * r)


def _addition(x: Tensor, x0: Tensor, c: Tensor, c0: Tensor) -> Tensor:
    """r with Δ·r = |x c0 − x0 c|, the addition theorem's sine, free of cancellation for x, x0 of one sign."""
    return quotient(x + x0, x * c0 + x0 * c, 1.0)


def atanh_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """atanh(Δ/(1 − x x0))/Δ where that argument is at most ½, else the plain quotient."""
    size, size0 = x.abs(), x0.abs()
    dx = x - x0
    r = 1 / torch.where(opposite(x, x0), 1 + size * size0, (1 - size) + size * (1 - size0))
    near = per(torch.atanh, (dx * r).clamp(-0.5, 0.5)) * r
    return torch.where((dx * r).abs() > 0.5, quotient(y - y0, dx, near), near)


# the normal distribution ----------------------------------------------------------------------------------------


def erf_slope(x: Tensor, x0: Tensor) -> Tensor:
    """Far apart Δy/Δx, of ±erfc(|x|) rather than of erf; close together 2/√π e^(−m²) (1 + (4m² − 2) Δ²/24), m the
    middle. In float64: e^(−x²) magnifies the rounding of x by 2x²."""
    a, b = wide(x), wide(x0)
    d, m = a - b, (a + b) / 2
    side, side0 = torch.copysign(torch.ones_like(a), a), torch.copysign(torch.ones_like(b), b)
    dy = (side - side0) - (side * torch.erfc(a.abs()) - side0 * torch.erfc(b.abs()))
    near = torch.exp(-m * m) * (1 + (4 * m * m - 2) * d * d / 24) * (2 / math.sqrt(math.pi))
    return where_close(near, dy, d, m).to(x.dtype)


def normal_cdf_slope(x: Tensor, x0: Tensor, y: Tensor, y0: Tensor) -> Tensor:
    """Δy/Δx far apart; close together φ(m) (1 + (m² − 1) Δ²/24), m the middle. Best in float64."""
    d, m = x - x0, (x + x0) / 2
    near = torch.exp(m * m / -2) * (1 + (m * m - 1) * d * d / 24) * math.sqrt(0.5 / math.pi)
    return where_close(near, y - y0, d, m)


def where_close(near: Tensor, dy: Tensor, dx: Tensor, middle: Tensor) -> Tensor:
    """`near` where e^(−x²) hardly varies between the two (the next term of its series is below 1e-12), else Δy/Δx."""
    close = dx.abs() * (1 + middle.abs()) < 2e-3
    return torch.where(close, near, dy / torch.where(close, 1.0, dx))
