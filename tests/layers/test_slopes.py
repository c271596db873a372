"""Slopes in float32 against the truth in 120 digits: saturated, nearly equal and distant pairs alike."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
import torch

from onnxplain.layers.base import Layer
from onnxplain.layers.kinds import Elementwise

from . import exact
from .exact import Exact
from .harness import C, Case

WHOLE = (-100.0, -42.0, -40.0, -20.5, -9.0, -6.0, -3.3, -1.7, -0.8, -0.1, -1e-4, 0.0, 3e-7)
WHOLE = (*WHOLE, 0.02, 0.5, 0.9, 1.3, 2.0, 3.1, 5.0, 5.2, 9.0, 10.0, 16.0, 17.5, 30.0, 80.0, 87.0)
MIDDLE = tuple(v for v in WHOLE if abs(v) <= 10)
POSITIVE = (1e-6, 1e-3, 0.02, 0.5, 0.9, 0.99, 1.0, 1.3, 3.0, 10.0, 1e3, 1e6)
UNIT = (-0.9999999, -0.999, -0.9, -0.5, -0.1, -1e-4, 0.0, 1e-6, 0.3, 0.5, 0.8, 0.99, 0.99999)
ABOVE_ONE = (1.0000001, 1.001, 1.1, 1.5, 3.0, 100.0, 1e6)


def scalar(value: float) -> C:
    return C(np.array(value, dtype=np.float32))


def op(name: str, opset: int = 17, domain: str = "", **attrs: object) -> Case:
    return Case(name, [np.zeros((), np.float32)], attrs, opset, domain=domain)


def power(p: float) -> Case:
    return Case("Pow", [np.zeros((), np.float32), scalar(p)])


def of(numerator: float | None = None, base: float | None = None) -> Case:
    name, value = ("Div", numerator) if base is None else ("Pow", base)
    return Case(name, [C(np.array(value, dtype=np.float32)), np.zeros((), np.float32)])


def elu(x: Decimal) -> Decimal:
    return x if x > 0 else x.exp() - 1


def hard_swish(x: Decimal) -> Decimal:
    return x * min(max(x / 6 + Decimal("0.5"), Decimal(0)), Decimal(1))


# the case, the function, its grid
TRUTHS: list[tuple[Case, Exact, Sequence[float]]] = [
    (op("Relu"), lambda x: max(x, Decimal(0)), WHOLE),
    (op("LeakyRelu", alpha=0.25), lambda x: max(x, x / 4), WHOLE),
    (op("Elu"), elu, WHOLE),
    (op("Celu", alpha=2.0), lambda x: 2 * elu(x / 2) if x < 0 else x, WHOLE),
    (op("HardSigmoid", alpha=0.25), lambda x: min(max(x / 4 + Decimal("0.5"), Decimal(0)), Decimal(1)), WHOLE),
    (op("HardSwish"), hard_swish, WHOLE),
    (op("Abs"), abs, WHOLE),
    (op("Sigmoid"), exact.sigmoid, WHOLE),
    (op("Tanh"), exact.tanh, tuple(v for v in WHOLE if abs(v) <= 40)),
    (op("Softplus"), exact.softplus, WHOLE),
    (op("Softsign"), lambda x: x / (1 + abs(x)), WHOLE),
    (op("Exp"), Decimal.exp, WHOLE),
    (op("Log"), Decimal.ln, POSITIVE),
    (op("Sqrt"), Decimal.sqrt, POSITIVE),
    (op("Reciprocal"), lambda x: 1 / x, POSITIVE),
    (of(numerator=3.0), lambda x: 3 / x, tuple(v for v in MIDDLE if v)),
    (of(base=2.0), lambda x: (x * Decimal(2).ln()).exp(), WHOLE),
    (of(base=0.5), lambda x: (-x * Decimal(2).ln()).exp(), WHOLE),
    (power(0.5), Decimal.sqrt, POSITIVE),
    (power(1.5), lambda x: x * x.sqrt(), POSITIVE),
    (power(-0.5), lambda x: 1 / x.sqrt(), POSITIVE),
    (power(2.0), lambda x: x * x, WHOLE),
    (power(3.0), lambda x: x**3, WHOLE),
    (power(4.0), lambda x: x**4, WHOLE),
    (power(5.0), lambda x: x**5, WHOLE),
    (power(-1.0), lambda x: 1 / x, tuple(v for v in MIDDLE if v)),
    (power(-2.0), lambda x: 1 / (x * x), tuple(v for v in MIDDLE if abs(v) > 1e-3)),
    (op("Erf"), exact.erf, MIDDLE),
    (op("Erfc"), lambda x: 1 - exact.erf(x), MIDDLE),
    (op("Expm1"), lambda x: x.exp() - 1, WHOLE),
    (op("Gelu", 20), exact.gelu, tuple(v for v in WHOLE if abs(v) <= 20)),
    (op("Gelu", 20, approximate="tanh"), exact.tanh_gelu, tuple(v for v in WHOLE if abs(v) <= 20)),
    (op("Swish", 24), lambda x: x * exact.sigmoid(x), WHOLE),
    (op("Mish", 18), lambda x: x * exact.tanh(exact.softplus(x)), WHOLE),
    (op("Sin"), exact.sin, MIDDLE),
    (op("Cos"), exact.cos, MIDDLE),
    (op("Tan"), lambda x: exact.sin(x) / exact.cos(x), tuple(v for v in MIDDLE if abs(v) <= 1.4)),
    (op("Atan"), exact.atan, WHOLE),
    (op("Asin"), exact.asin, UNIT),
    (op("Acos"), lambda x: exact.pi() / 2 - exact.asin(x), UNIT),
    (op("Sinh"), lambda x: (x.exp() - (-x).exp()) / 2, MIDDLE),
    (op("Cosh"), lambda x: (x.exp() + (-x).exp()) / 2, MIDDLE),
    (op("Asinh"), lambda x: (x + (x * x + 1).sqrt()).ln(), WHOLE),
    (op("Acosh"), lambda x: (x + (x * x - 1).sqrt()).ln(), ABOVE_ONE),
    (op("Atanh"), lambda x: ((1 + x) / (1 - x)).ln() / 2, UNIT),
]


def name_of(row: tuple[Case, Exact, Sequence[float]]) -> str:
    constants = "".join(f"-{c}" for c in row[0].constants().values())
    return row[0].op + constants + "".join(f"-{v}" for v in row[0].attrs.values())


TABLE = pytest.mark.parametrize("row", TRUTHS, ids=name_of)


def pairs(grid: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """All pairs of the grid's numbers and of their near neighbours in float32."""
    points = torch.tensor(grid, dtype=torch.float32)
    near = torch.cat([points * (1 - 3e-7), points * (1 - 1e-4), points * (1 - 1e-2)])
    couples = [(a, b) for a, b in itertools.permutations(points.tolist(), 2)]
    couples += zip(points.repeat(3).tolist(), near.tolist(), strict=True)
    couples += [(b, a) for a, b in couples[-len(near) :]]
    low, high = points.min().item(), points.max().item()
    couples = [(a, b) for a, b in couples if a != b and low <= min(a, b) and max(a, b) <= high]
    return torch.tensor(couples, dtype=torch.float32).unbind(1)


def slope_of(layer: Layer, x: torch.Tensor, x0: torch.Tensor) -> torch.Tensor:
    assert isinstance(layer, Elementwise)
    return layer.slope(x, x0, layer.forward(x), layer.forward(x0))


@TABLE
def test_float32_slopes_equal_the_true_ones_to_1e_6(row: tuple[Case, Exact, Sequence[float]]) -> None:
    case, f, grid = row
    x, x0 = pairs(grid)
    found = slope_of(case.layer(torch.float32), x, x0).double()
    truth = torch.tensor([exact.slope(f, a, b) for a, b in zip(x.tolist(), x0.tolist(), strict=True)]).double()
    denormal = 1e-36  # where float32 has fewer digits
    error = (found - truth).abs() / truth.abs().clamp(min=denormal)
    worst = int(error.argmax())
    assert error[worst] <= 1e-6, (x[worst].item(), x0[worst].item(), found[worst].item(), truth[worst].item())


@TABLE
def test_float64_slopes_equal_the_true_ones_to_1e_12(row: tuple[Case, Exact, Sequence[float]]) -> None:
    case, f, grid = row
    x, x0 = (v.double() for v in pairs(grid))
    found = slope_of(case.layer(), x, x0)
    truth = torch.tensor([exact.slope(f, a, b) for a, b in zip(x.tolist(), x0.tolist(), strict=True)], dtype=x.dtype)
    error = (found - truth).abs() / (truth.abs() + 1e-30)
    worst = int(error.argmax())
    assert error[worst] <= 1e-12, (x[worst].item(), x0[worst].item(), found[worst].item(), truth[worst].item())


@TABLE
def test_the_slope_of_a_point_is_the_derivative(row: tuple[Case, Exact, Sequence[float]]) -> None:
    case, _, grid = row
    layer, x = case.layer(), torch.tensor([v for v in grid if v], dtype=torch.float64)
    assert isinstance(layer, Elementwise)
    y = layer.forward(x)
    torch.testing.assert_close(layer.slope(x, x, y, y), layer.derivative(x, y), rtol=1e-10, atol=1e-14)


@TABLE
def test_one_baseline_broadcasts_against_all_rows(row: tuple[Case, Exact, Sequence[float]]) -> None:
    case, _, grid = row
    layer = case.layer()
    x = torch.tensor(grid[-6:], dtype=torch.float64).reshape(3, 2)
    x0 = torch.tensor(grid[-4:-2], dtype=torch.float64).reshape(1, 2)
    slope = slope_of(layer, x, x0)
    torch.testing.assert_close(slope, slope_of(layer, x, x0.expand(3, 2)))


@pytest.mark.parametrize("name", ["Sqrt", "Asin", "Acos", "Acosh", "Pow"])
def test_where_the_derivative_is_infinite_equal_values_have_a_finite_slope(name: str) -> None:
    layer = power(0.3).layer() if name == "Pow" else op(name).layer()
    x = torch.tensor([0.0 if name in ("Sqrt", "Pow") else 1.0], dtype=torch.float64)
    assert torch.isfinite(slope_of(layer, x, x)).all()


@pytest.mark.parametrize("name", ["Sigmoid", "Tanh", "Exp", "Softplus"])
def test_equal_infinities_have_a_finite_slope(name: str) -> None:
    x = torch.tensor([-torch.inf], dtype=torch.float64)
    assert torch.isfinite(slope_of(op(name).layer(), x, x)).all()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["Relu", "Sigmoid", "Tanh", "Gelu", "Softplus", "Erf"])
def test_slopes_keep_half_precision(name: str, dtype: torch.dtype) -> None:
    layer = op(name, 20).layer(dtype)
    x, x0 = torch.tensor([-3.0, 0.5, 2.0], dtype=dtype), torch.tensor([1.0, 0.5, 2.5], dtype=dtype)
    slope = slope_of(layer, x, x0)
    assert slope.dtype == dtype
    wanted = slope_of(op(name, 20).layer(), x.double(), x0.double())
    torch.testing.assert_close(slope.double(), wanted, rtol=0.02, atol=0.01)
