"""A floor's matrix products alone: which are found, on what they run, and what the report says of them."""

from __future__ import annotations

from collections import Counter
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from benchmarks import nets
from benchmarks.cases.base import Case, measure
from benchmarks.clock import Spread
from benchmarks.goals import GOALS, Goal
from benchmarks.job import Settings
from benchmarks.measured import Measured
from benchmarks.nets.transformers import Transformer
from benchmarks.peers import autograd
from benchmarks.products import Recorded, products
from benchmarks.report import summary
from benchmarks.table import cells


def recorded(net: nn.Module, *shape: int) -> Recorded:
    with Recorded(net.parameters()) as seen:
        autograd(net, torch.randn(shape), [1])
    return seen


def operands(seen: Recorded) -> list[Tensor]:
    return [x for call in seen.calls for x in call.args]  # type: ignore[attr-defined]


def test_a_dense_layer_is_a_product_forward_and_one_backward_on_its_very_weight() -> None:
    net = nets.made(partial(nets.mlp, 4, 8, 2, 3))
    seen = recorded(net, 5, 4)
    names = [call.func.name() for call in seen.calls]  # type: ignore[attr-defined]
    assert names == ["aten::addmm"] * 3 + ["aten::mm"] * 3
    used = Counter(x.untyped_storage().data_ptr() for x in operands(seen))
    # a matrix forward and back, a bias forward
    assert [used[w.untyped_storage().data_ptr()] for w in net.parameters()] == [w.dim() for w in net.parameters()]


def test_of_operands_that_lie_alike_one_is_kept() -> None:
    deep = recorded(nets.made(partial(nets.mlp, 8, 8, 20, 8)), 5, 8)
    assert len(deep.calls) == 42 and len(deep.kept) == 2  # rows forward, and relevance on its way back


def test_strides_are_those_of_the_floor() -> None:
    net = nets.made(partial(nets.mlp, 4, 8, 1, 3))
    with Recorded(net.parameters()) as seen:
        autograd(net, torch.randn(4, 5).t(), [1])
    (first, *_) = seen.calls
    assert [x.stride() for x in first.args] == [(1,), (1, 5), (1, 4)]  # type: ignore[attr-defined]


def test_attention_is_four_products_for_its_two() -> None:
    net = nets.made(partial(Transformer, 1, 64, 1, 5, True, True, 4))
    names = Counter(call.func.name() for call in recorded(net, 1, 4, 64).calls)  # type: ignore[attr-defined]
    assert names["aten::bmm"] == 2 + 4


@pytest.mark.parametrize(
    ("net", "shape"), [(partial(nets.plain_conv, 2, 4), (1, 3, 8, 8)), (partial(nets.lstm, 3, 4), (2, 5, 3))]
)
def test_products_inside_other_kernels_are_not_told_apart(net: partial[nn.Module], shape: tuple[int, ...]) -> None:
    made = nets.made(net)
    assert products(partial(autograd, made, torch.randn(shape), [1]), made.parameters()) is None


def test_a_convolution_that_cuts_patches_is_left_out_of_the_count() -> None:
    net = nets.made(partial(nets.vit, 2, 64))
    call = products(partial(autograd, net, torch.randn(1, 3, 224, 224), [1]), net.parameters())
    assert call is not None
    call()


def test_they_are_measured_in_every_round_and_have_a_column() -> None:
    case = Case("tiny", partial(nets.mlp, 4, 8, 1, 3), (2, 4), ("gradient",), targets=(1,), compared=False)
    row = measure(case, "gradient", Settings(2, 0.0, ()))
    assert row.values["products"].median > 0 and not row.failed
    assert "products" in cells([row], goals=False)[0]


@pytest.mark.parametrize(("limit", "said"), [(0.9, "1.02 floors; the products alone take 0.95"), (1.0, "1.02 floors")])
def test_a_target_below_the_products_is_said_to_be(monkeypatch: pytest.MonkeyPatch, limit: float, said: str) -> None:
    monkeypatch.setitem(GOALS, ("net", "gradient"), Goal(limit))
    values = {"onnxplain": Spread(1.02, 1.02, 1.02), "products": Spread(0.95, 0.95, 0.95)}
    lines = summary([Measured("speed", "net", "gradient", "floors", values)])
    assert next(line for line in lines if line.startswith("missed")).removesuffix(" (within noise)").endswith(said)
