"""Products of one value's own elements, powers of negative numbers and softened maxima under the rules of their kinds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onnxplain.layers.base import Layer
from onnxplain.rules import Half, Rescale, Site, WinnerTakesAll

from .harness import C, Case, normal, outputs_of

T = 3
A = normal(2, 3, 4)
PRODUCTS = [
    Case("ReduceProd", [A], {"axes": [0, 2]}, opset=13),
    Case("CumProd", [A, C(np.array(1))], opset=26),
    Case("CumProd", [A, C(np.array(2))], {"reverse": 1}, opset=26, note="reversed"),
]
SOFTENED = [
    Case("ReduceLogSumExp", [3 * A, C(np.array([1, 2]))], {"keepdims": 0}, opset=18),
    Case("ReduceLogSumExp", [100 * A], opset=13, note="large numbers"),
    Case("ReduceLogSumExp", [A - 300, C(np.array([-1]))], opset=18, note="small numbers"),
]


def site(layer: Layer, *inputs: torch.Tensor, baseline: tuple[torch.Tensor, ...] = ()) -> Site:
    outputs0 = outputs_of(layer, baseline) if baseline else None
    return Site(layer, inputs, outputs_of(layer, inputs), baseline or None, outputs0)


def relevance(y: torch.Tensor) -> torch.Tensor:
    return torch.randn(T, *y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)


@pytest.mark.parametrize("case", PRODUCTS, ids=lambda c: c.id)
def test_every_factor_of_a_product_gets_the_same_and_together_they_get_all(case: Case) -> None:
    at = site(case.layer(), *case.tensors())
    r = relevance(at.outputs[0])
    (found,) = Half(epsilon=0.0)(at, (r,))
    assert found is not None
    torch.testing.assert_close(found.reshape(T, -1).sum(1), r.reshape(T, -1).sum(1), rtol=1e-10, atol=1e-10)
    if case.op == "ReduceProd":
        torch.testing.assert_close(found, (r / 8).expand(found.shape), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("case", SOFTENED, ids=lambda c: c.id)
def test_a_softened_maximum_shares_by_softmax_and_keeps_all(case: Case) -> None:
    at = site(case.layer(), *case.tensors())
    r = relevance(at.outputs[0])
    (found,) = WinnerTakesAll()(at, (r,))
    assert found is not None
    torch.testing.assert_close(found.reshape(T, -1).sum(1), r.reshape(T, -1).sum(1), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("winner_takes_all", [True, False])
@pytest.mark.parametrize("scale", [2.0, 1e-3, 0.0])
@pytest.mark.parametrize("case", SOFTENED, ids=lambda c: c.id)
def test_a_softened_maximum_is_complete_with_multipliers_that_stay_small(case: Case, scale: float, winner_takes_all: bool) -> None:
    (x,) = case.tensors()
    x0 = x + scale * torch.randn(x.shape, generator=torch.Generator().manual_seed(5), dtype=x.dtype)
    at = site(case.layer(), x, baseline=(x0,))
    y, y0 = at.outputs[0], outputs_of(at.layer, (x0,))[0]
    (m,) = Rescale(winner_takes_all=winner_takes_all)(at, (torch.ones_like(y)[None],))
    assert m is not None
    torch.testing.assert_close((m * (x - x0)).sum(), (y - y0).sum(), rtol=1e-10, atol=1e-10)
    if winner_takes_all:
        assert (m >= 0).all() and (m <= 1 + 1e-9).all()


def test_a_power_of_negative_numbers_is_complete_where_the_exponent_stays() -> None:
    layer = Case("Pow", [normal(3), normal(3)]).layer()
    a = torch.tensor([-2.0, 3.0, -1.5, 0.0, 2.0], dtype=torch.float64)
    a0 = torch.tensor([1.0, -2.0, -1.0, 2.0, 3.0], dtype=torch.float64)
    b = torch.tensor([2.0, 3.0, 2.0, 3.0, 1.5], dtype=torch.float64)
    (m_a, m_b) = Rescale()(site(layer, a, b, baseline=(a0, b)), (torch.ones(1, 5, dtype=torch.float64),))
    assert m_a is not None and m_b is not None and m_b.isfinite().all()
    torch.testing.assert_close(m_a[0] * (a - a0), a**b - a0**b, rtol=1e-10, atol=1e-10)
