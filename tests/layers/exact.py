"""Elementwise functions in 120 decimal digits, straight from their definitions: the truth that slopes are held to."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache

DIGITS = 120
Exact = Callable[[Decimal], Decimal]


def exactly(f: Exact) -> Exact:
    """f computed with `DIGITS` digits, each argument once."""

    @cache
    def inner(x: Decimal) -> Decimal:
        with localcontext(prec=DIGITS):
            return f(x)

    return inner


def slope(f: Exact, x: float, x0: float) -> float:
    """(f(x) − f(x0)) / (x − x0)."""
    a, b = Decimal(x), Decimal(x0)
    y, y0 = exactly_of(f)(a), exactly_of(f)(b)
    with localcontext(prec=DIGITS):
        return float((y - y0) / (a - b))


exactly_of = cache(exactly)


def power_series(x: Decimal, first: Decimal, step: Callable[[int], Decimal]) -> Decimal:
    """first + first·step(1) + first·step(1)·step(2) + …"""
    total, term, n = first, first, 0
    while abs(term) > Decimal(10) ** -DIGITS:
        n += 1
        term *= step(n)
        total += term
    return total


@cache
def pi() -> Decimal:
    """16 atan(1/5) − 4 atan(1/239) (Machin)."""
    with localcontext(prec=DIGITS + 10):
        return 16 * _atan_series(Decimal(1) / 5) - 4 * _atan_series(Decimal(1) / 239)


def _atan_series(x: Decimal) -> Decimal:
    return sum(((-1) ** n * x ** (2 * n + 1) / (2 * n + 1) for n in range(100)), Decimal(0))


def erf(x: Decimal) -> Decimal:
    """2/√π e^(−x²) Σ 2ⁿ x^(2n+1) / (2n+1)!!, all terms of one sign."""
    total = power_series(x, x, lambda n: 2 * x * x / (2 * n + 1))
    return 2 / pi().sqrt() * (-x * x).exp() * total


def sin(x: Decimal) -> Decimal:
    return power_series(x, x, lambda n: -x * x / (2 * n * (2 * n + 1))) if x else x


def cos(x: Decimal) -> Decimal:
    return power_series(x, Decimal(1), lambda n: -x * x / (2 * n * (2 * n - 1)))


def sigmoid(x: Decimal) -> Decimal:
    return 1 / (1 + (-x).exp())


def softplus(x: Decimal) -> Decimal:
    return (1 + x.exp()).ln()


def tanh(x: Decimal) -> Decimal:
    return 2 * sigmoid(2 * x) - 1


def atan(x: Decimal) -> Decimal:
    """The argument halved until the series is short: atan x = 2 atan(x / (1 + √(1 + x²)))."""
    for _ in range(5):
        x = x / (1 + (1 + x * x).sqrt())
    return 32 * _atan_series(x)


def asin(x: Decimal) -> Decimal:
    return 2 * atan(x / (1 + (1 - x * x).sqrt()))


def gelu(x: Decimal) -> Decimal:
    return x * (1 + erf(x / Decimal(2).sqrt())) / 2


def tanh_gelu(x: Decimal) -> Decimal:
    return x * sigmoid((8 / pi()).sqrt() * (x + Decimal("0.044715") * x**3))
