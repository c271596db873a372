"""Relevance at single units, told by the units: the same numbers as the whole relevance, most of it zeros."""

from __future__ import annotations

import pytest
import torch

from onnxplain.layers.affine.linear import Linear
from onnxplain.rules import Epsilon, Zero
from onnxplain.rules.base import Hot, Rule
from onnxplain.rules.gradient import Adjoint

made = torch.Generator().manual_seed(0)


@pytest.mark.parametrize("rule", [Adjoint(), Epsilon(0.1), Zero()], ids=repr)
@pytest.mark.parametrize("rows", [1, 4], ids=["one unit for all", "a unit for each row"])
def test_units_and_zeros_give_the_same(rule: Rule, rows: int) -> None:
    w, x = torch.randn(5, 7, generator=made, dtype=torch.float64), torch.randn(4, 5, generator=made, dtype=torch.float64)
    layer = Linear(w, torch.randn(7, generator=made, dtype=torch.float64))
    y = layer(x)
    units = torch.randint(7, (3, rows), generator=made)
    amount = torch.randn(3, 4, 1, generator=made, dtype=torch.float64)
    whole = torch.zeros(3, 4, 7, dtype=torch.float64).scatter(2, units.expand(3, 4)[..., None], amount)
    start, plain = rule.hot(layer), rule.single(layer, False)
    assert start is not None and plain is not None
    expected = plain(whole, x, y)
    assert expected is not None
    torch.testing.assert_close(start(Hot(units, amount), x, y), expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", [Adjoint(), Epsilon(0.1)], ids=repr)
def test_units_at_positions_and_zeros_give_the_same(rule: Rule) -> None:
    w = torch.randn(5, 7, generator=made, dtype=torch.float64)
    x = torch.randn(4, 2, 3, 5, generator=made, dtype=torch.float64)
    layer = Linear(w, torch.randn(7, generator=made, dtype=torch.float64))
    y = layer(x)
    units = torch.randint(2 * 3 * 7, (6, 4), generator=made)
    amount = torch.randn(6, 4, 1, generator=made, dtype=torch.float64)
    whole = torch.zeros(6, 4, 2 * 3 * 7, dtype=torch.float64).scatter(2, units[..., None], amount).reshape(6, *y.shape)
    start, plain = rule.hot(layer), rule.single(layer, False)
    assert start is not None and plain is not None
    expected = plain(whole, x, y)
    assert expected is not None
    torch.testing.assert_close(start(Hot(units, amount), x, y), expected, rtol=1e-12, atol=1e-14)
    few = torch.tensor([0, 8, 41])
    torch.testing.assert_close(layer.at_units(x, few), y.flatten(1)[:, few], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("rule", [Adjoint(), Epsilon(0.1), Zero()], ids=repr)
@pytest.mark.parametrize("rows", [1, 4], ids=["one unit for all", "a unit for each row"])
def test_walks_that_begin_at_units_lie_target_after_target(rule: Rule, rows: int) -> None:
    layer = Linear(torch.randn(5, 7, generator=made))
    x = torch.randn(4, 5, generator=made)
    units = torch.randint(7, (3, rows), generator=made)
    y = layer(x)
    start = rule.hot(layer)
    assert start is not None
    seed = Hot(units, torch.ones(()).expand(3, 4, 1))
    assert start(seed.times(seed.of(y)), x, y).is_contiguous()


def test_a_bias_of_each_position_is_no_row_of_units() -> None:
    assert Adjoint().hot(Linear(torch.ones(5, 7), torch.ones(3, 7))) is None


def test_a_bias_that_is_shared_out_needs_the_whole_relevance() -> None:
    layer = Linear(torch.ones(5, 7), torch.ones(7))
    assert Epsilon(bias="distribute").hot(layer) is None
    assert Epsilon().hot(Linear(torch.ones(5, 7), side="left", flip=True)) is None
