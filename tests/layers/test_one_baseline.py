"""Products, softmaxes and normalizations between two inputs: one baseline for all rows, masks, degenerate inputs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from onnxplain.layers.kinds import Normalization, Product, SoftmaxKind

from .cases import ALL
from .harness import Case, normal, outputs_of

T = 3


def of_kind(kind: type) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [c for c in ALL if isinstance(c.layer(), kind)], ids=lambda c: c.id)


def first_row(x: torch.Tensor) -> torch.Tensor:
    """Another input with one row: x's last, turned round."""
    return x[-1:].flip(-1) * 1.5


@of_kind(SoftmaxKind)
def test_softmax_takes_one_baseline_for_all_rows(case: Case) -> None:
    layer, (x,) = case.layer(), case.tensors()
    assert isinstance(layer, SoftmaxKind)
    if x.dim() == 1 or (case.attrs.get("axis") == 0):
        return
    x0 = first_row(x)
    g = torch.randn(T, *x.shape, dtype=x.dtype)
    many = x0.expand_as(x)
    for by_parts in (False, True):
        one = layer.decompose(g, x, x0, by_parts)
        assert one.shape == g.shape
        torch.testing.assert_close(one, layer.decompose(g, x, many, by_parts))


@of_kind(Normalization)
def test_normalization_takes_one_baseline_for_all_rows(case: Case) -> None:
    layer, (x,) = case.layer(), case.tensors()
    assert isinstance(layer, Normalization)
    x0 = first_row(x)
    g = torch.randn(T, *x.shape, dtype=x.dtype)
    one = layer.symmetric(g, x, x0)
    assert one.shape == g.shape
    torch.testing.assert_close(one, layer.symmetric(g, x, x0.expand_as(x)))


@of_kind(Normalization)
def test_the_frozen_transpose_applied_to_x_gives_the_output_without_its_bias(case: Case) -> None:
    layer, (x,) = case.layer(), case.tensors()
    assert isinstance(layer, Normalization)
    y, bias = outputs_of(layer, (x,))[0], outputs_of(layer, (torch.zeros_like(x),))[0]
    g = torch.randn(T, *x.shape, dtype=x.dtype)
    frozen = layer.frozen_transpose(g, x)
    assert frozen.shape == g.shape
    wanted = (g * (y - bias)).flatten(1).sum(1)
    torch.testing.assert_close((frozen * x).flatten(1).sum(1), wanted, rtol=1e-10, atol=1e-10)


POINTWISE = [c for c in ALL if c.op in ("Mul", "Div", "Pow") and isinstance(c.layer(), Product)]


@pytest.mark.parametrize("case", POINTWISE, ids=lambda c: c.id)
def test_products_take_one_baseline_for_all_rows(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    assert isinstance(layer, Product)
    inputs0 = [x[:1] * 1.5 for x in inputs]
    g = torch.randn(T, *layer.forward(*inputs).shape, dtype=torch.float64)
    one = layer.symmetric(g, inputs, inputs0)
    many = layer.symmetric(g, inputs, [x0.expand_as(x) for x, x0 in zip(inputs, inputs0, strict=True)])
    for m, wanted, x in zip(one, many, inputs, strict=True):
        assert m.shape == (T, *x.shape)
        torch.testing.assert_close(m, wanted)


def softmax(op: str = "Softmax") -> SoftmaxKind:
    layer = Case(op, [normal(2, 4)]).layer(torch.float32)
    assert isinstance(layer, SoftmaxKind)
    return layer


def decomposed(layer: SoftmaxKind, g: torch.Tensor, x: torch.Tensor, x0: torch.Tensor) -> torch.Tensor:
    return layer.decompose(g, x, x0)


def test_saturated_probabilities_are_shared_out_completely() -> None:
    x, x0 = torch.tensor([[30.0, 0, -60, -200]]), torch.tensor([[-200.0, 30, 0, -60]])
    g = torch.eye(4)[:, None]
    m = decomposed(softmax(), g, x, x0)
    y, y0 = softmax().forward(x), softmax().forward(x0)
    torch.testing.assert_close((m * (x - x0)).sum(-1), (y - y0).T, rtol=1e-6, atol=1e-30)


@pytest.mark.parametrize("mask", [-10000.0, -torch.inf, float(np.finfo(np.float32).min)])
def test_masked_positions_get_nothing_and_the_others_what_they_would_alone(mask: float) -> None:
    x, x0 = torch.from_numpy(normal(2, 4)), torch.from_numpy(normal(2, 4, seed=1))
    g = torch.from_numpy(normal(T, 2, 4, seed=2))
    hidden = torch.tensor([False, True, False, False])
    for op in ("Softmax", "LogSoftmax"):
        visible = g * ~hidden  # LogSoftmax at a masked position has a value of its own
        m = decomposed(softmax(op), visible, x.masked_fill(hidden, mask), x0.masked_fill(hidden, mask))
        assert (m[..., 1] == 0).all()
        alone = decomposed(softmax(op), g[..., ~hidden], x[..., ~hidden], x0[..., ~hidden])
        torch.testing.assert_close(m[..., ~hidden], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("p", [1, 2])
def test_a_zero_vector_is_normalized_to_zero_with_finite_multipliers(p: int) -> None:
    layer = Case("LpNormalization", [normal(2, 3)], {"p": p}).layer()
    assert isinstance(layer, Normalization)
    x = torch.tensor([[0.0, 0, 0], [1, -2, 3]], dtype=torch.float64)
    y = layer.forward(x)
    assert (y[0] == 0).all()
    assert torch.isfinite(layer.symmetric(torch.ones(1, 2, 3, dtype=x.dtype), x, x)).all()


def test_an_even_window_of_lrn_reaches_one_channel_further_forward() -> None:
    layer = Case("LRN", [normal(1, 5, 1, 1)], {"size": 4, "alpha": 4.0, "beta": 1.0, "bias": 0.0}, ort=False).layer()
    y = layer.forward(torch.ones(1, 5, 1, 1, dtype=torch.float64))
    # channels c − 1 to c + 2 that exist
    torch.testing.assert_close(1 / y.flatten(), torch.tensor([3.0, 4, 4, 3, 2], dtype=torch.float64))


def test_integer_division_truncates() -> None:
    layer = Case("Div", [np.array([-7, 7]), np.array([2, -2])]).layer()
    assert layer.forward(torch.tensor([-7, 7]), torch.tensor([2, -2])).tolist() == [-3, -3]
