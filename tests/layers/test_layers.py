"""Forward equals onnxruntime; adjoint equals autograd; every kind keeps its promises. Over all cases."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from onnxplain.layers.kinds import (
    Affine,
    Elementwise,
    Normalization,
    Pooling,
    Product,
    SoftmaxKind,
)
from onnxplain.layers.shapes import sum_to

from .cases import ALL
from .harness import Case, carrying, outputs_of

CASES = pytest.mark.parametrize("case", ALL, ids=lambda c: c.id)
T = 3


def of_kind(kind: type) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", [c for c in ALL if isinstance(c.layer(), kind)], ids=lambda c: c.id)


def cotangents(outputs: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor | None, ...]:
    torch.manual_seed(1)
    return tuple(
        torch.randn(T, *y.shape, dtype=torch.float64) if y.is_floating_point() and y.numel() else None for y in outputs
    )


def baseline(x: torch.Tensor) -> torch.Tensor:
    """Another input of x's shape and range, equal to x in a few places."""
    torch.manual_seed(2)
    other = x.reshape(-1)[torch.randperm(x.numel())].reshape(x.shape) if x.numel() else x
    return torch.where(torch.rand(x.shape) < 0.2, x, other)


@CASES
def test_forward_equals_onnxruntime(case: Case) -> None:
    if not case.ort:
        pytest.skip(f"onnxruntime cannot run this node: {case.note}")
    expected = case.expected()
    actual = outputs_of(case.layer(torch.float32), case.tensors(torch.float32))
    assert len(actual) >= len(expected)
    for a, e in zip(actual, expected, strict=False):
        assert tuple(a.shape) == e.shape
        assert a.is_floating_point() == (e.dtype.kind == "f" or case.layer().rounds)
        np.testing.assert_allclose(a.numpy().astype(e.dtype), e, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(e[np.isfinite(e)]).max(initial=0)) if e.dtype.kind == "f" else 1.0))


@CASES
def test_adjoint_equals_autograd(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    carried = carrying(layer, inputs)
    if not carried:
        assert all(r is None for r in layer.adjoint((None,), inputs, ()))
        return
    if not case.differentiable:
        pytest.skip(f"autograd through forward is not defined: {case.note}")
    leaves = [x.clone().requires_grad_() if i in carried else x for i, x in enumerate(inputs)]
    outs = outputs_of(layer, leaves)
    g = cotangents(outs)
    with torch.inference_mode():
        pulled = layer.adjoint(g, inputs, outputs_of(layer, inputs))
    assert len(pulled) == len(inputs)
    with torch.inference_mode():
        alone = layer.adjoint(tuple(None if c is None else c[:1] for c in g), inputs, outputs_of(layer, inputs))
    for i in carried:
        torch.testing.assert_close(alone[i], pulled[i][:1], rtol=1e-10, atol=1e-10)  # kernels of their own for one target
    used = [(y, c) for y, c in zip(outs, g, strict=True) if c is not None and y.requires_grad]
    assert used, "no output depends on the inputs"
    for t in range(T):
        wanted = torch.autograd.grad(
            [y for y, _ in used], [leaves[i] for i in carried], [c[t] for _, c in used], retain_graph=True, allow_unused=True
        )
        for i, w in zip(carried, wanted, strict=True):
            r = pulled[i]
            assert r is not None
            assert tuple(r.shape) == (T, *inputs[i].shape)
            w = torch.zeros_like(inputs[i]) if w is None else w
            torch.testing.assert_close(r[t], w, rtol=1e-10, atol=1e-10)


def settled(case: Case) -> tuple[Any, list[torch.Tensor]]:
    """The layer and its inputs; of x alone where the others are parameters that are computed at run time."""
    inputs, layer = case.tensors(), case.layer()
    made = layer.settle(inputs)
    return made, inputs if made is layer else inputs[:1]


def affine(case: Case) -> tuple[Affine, torch.Tensor]:
    layer, inputs = settled(case)
    assert isinstance(layer, Affine)
    return layer, inputs[0]


@of_kind(Affine)
@pytest.mark.parametrize("part", ["all", "positive", "negative", "square", "absolute", "ones"])
def test_affine_transpose_is_the_transpose_of_linear(case: Case, part) -> None:
    layer, x = affine(case)
    y = layer.linear(x, part)
    r = torch.randn(T, *y.shape, dtype=torch.float64)
    back = layer.transpose(r, torch.zeros((), dtype=x.dtype).expand(x.shape), part)
    assert tuple(back.shape) == (T, *x.shape)
    for t in range(T):
        torch.testing.assert_close((r[t] * y).sum(), (back[t] * x).sum(), rtol=1e-10, atol=1e-10)


@of_kind(Affine)
def test_affine_is_linear_plus_bias_and_its_parts_are_the_explicit_matrix_parts(case: Case) -> None:
    layer, x = affine(case)
    b = layer.bias(x)
    z = layer.linear(x)
    torch.testing.assert_close(layer.forward(x), z if b is None else z + b, rtol=1e-10, atol=1e-10)
    if x.numel() > 800:
        return
    eye = torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
    matrix = {p: torch.stack([layer.linear(e, p).reshape(-1) for e in eye]) for p in ("all", "positive", "negative", "square", "absolute", "ones")}
    torch.testing.assert_close(matrix["positive"], matrix["all"].clamp(min=0), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(matrix["negative"], matrix["all"].clamp(max=0), rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(matrix["square"], matrix["all"] ** 2, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(matrix["absolute"], matrix["all"].abs(), rtol=1e-10, atol=1e-12)
    assert ((matrix["ones"] == 0) | (matrix["ones"] == 1)).all()
    assert (matrix["ones"][matrix["all"] != 0] == 1).all()


@of_kind(Elementwise)
def test_elementwise_slope_times_the_difference_is_the_difference_of_the_values(case: Case) -> None:
    layer, (x,) = settled(case)
    assert isinstance(layer, Elementwise)
    x0 = baseline(x)
    y, y0 = layer.forward(x), layer.forward(x0)
    slope = layer.slope(x, x0, y, y0)
    assert torch.isfinite(slope).all()
    torch.testing.assert_close(slope * (x - x0), y - y0, rtol=1e-9, atol=1e-10)


@of_kind(Elementwise)
def test_elementwise_slope_reads_what_it_says(case: Case) -> None:
    layer, (x,) = settled(case)
    x0 = baseline(x)
    y, y0 = layer(x), layer(x0)
    if "outputs" not in layer.slope_reads:
        nothing = torch.full_like(y, torch.nan)
        assert torch.equal(layer.slope(x, x0, nothing, nothing), layer.slope(x, x0, y, y0))


@of_kind(Elementwise)
def test_elementwise_slope_at_a_tiny_difference_is_the_derivative(case: Case) -> None:
    if not case.differentiable:
        pytest.skip(case.note)
    layer, (x,) = settled(case)
    x0 = x + 1e-13
    y, y0 = layer.forward(x), layer.forward(x0)
    torch.testing.assert_close(layer.slope(x, x0, y, y0), layer.derivative(x, y).expand_as(y), rtol=1e-3, atol=1e-3)


@of_kind(Product)
def test_product_symmetric_multipliers_are_complete(case: Case) -> None:
    layer, inputs = settled(case)
    inputs0 = [baseline(x) for x in inputs]
    y, y0 = layer.forward(*inputs), layer.forward(*inputs0)
    g = torch.randn(T, *y.shape, dtype=torch.float64)
    m = layer.symmetric(g, inputs, inputs0)
    got = sum((mi * (x - x0)).flatten(1).sum(1) for mi, x, x0 in zip(m, inputs, inputs0, strict=True))
    torch.testing.assert_close(got, (g * (y - y0)).reshape(T, -1).sum(1), rtol=1e-10, atol=1e-10)


@of_kind(SoftmaxKind)
def test_softmax_decomposition_is_complete(case: Case) -> None:
    layer, (x,) = case.layer(), case.tensors()
    x0 = baseline(x) * 3
    y, y0 = layer.forward(x), layer.forward(x0)
    g = torch.randn(T, *y.shape, dtype=torch.float64)
    for by_parts in (False, True):
        m = layer.decompose(g, x, x0, by_parts)
        whole = (g * (y - y0)).flatten(1).sum(1)
        torch.testing.assert_close((m * (x - x0)).flatten(1).sum(1), whole, rtol=1e-10, atol=1e-10)
        at_x = layer.decompose(g, x, x, by_parts)
        torch.testing.assert_close(at_x, layer.adjoint((g,), (x,), (y,))[0], rtol=1e-10, atol=1e-10)
    shifted = layer.decompose(g, x + 3, x0)  # a number added to all of x changes no probability and no multiplier
    torch.testing.assert_close(shifted, layer.decompose(g, x, x0), rtol=1e-10, atol=1e-10)


@of_kind(Normalization)
def test_normalization_symmetric_multipliers_are_complete(case: Case) -> None:
    layer, (x,) = case.layer(), case.tensors()
    x0 = baseline(x) * 2 + 0.3
    y, y0 = outputs_of(layer, (x,))[0], outputs_of(layer, (x0,))[0]
    g = torch.randn(T, *y.shape, dtype=torch.float64)
    m = layer.symmetric(g, x, x0)
    torch.testing.assert_close((m * (x - x0)).flatten(1).sum(1), (g * (y - y0)).flatten(1).sum(1), rtol=1e-10, atol=1e-10)
    same = layer.symmetric(g, x, x)
    torch.testing.assert_close(same, layer.adjoint((g,), (x,), (y,))[0], rtol=1e-9, atol=1e-9)


@of_kind(Pooling)
def test_pooling_picks_its_winners_and_place_is_the_transpose_of_pick(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    y = outputs_of(layer, inputs)[0]
    index = layer.winners(inputs)
    torch.testing.assert_close(layer.pick(inputs, index), y)
    r = torch.randn(T, *y.shape, dtype=torch.float64)
    others = [baseline(x) if x.is_floating_point() else x for x in inputs]
    picked = layer.pick(others, index) - layer.pick([torch.zeros_like(x) if x.is_floating_point() else x for x in inputs], index)
    placed = layer.place(r, index, inputs)
    for t in range(T):
        total = sum((p[t] * o).sum() for p, o in zip(placed, others, strict=True) if p is not None)
        torch.testing.assert_close((r[t] * picked).sum(), total, rtol=1e-10, atol=1e-10)


@of_kind(Pooling)
def test_pooling_window_transpose_is_the_transpose_of_window_sum(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    y = layer.window_sum(inputs)
    r = torch.randn(T, *y.shape, dtype=torch.float64)
    back = layer.window_transpose(r, inputs)
    zero = layer.window_sum([torch.zeros_like(x) if x.is_floating_point() else x for x in inputs])
    for t in range(T):
        total = sum((b[t] * x).sum() for b, x in zip(back, inputs, strict=True) if b is not None)
        torch.testing.assert_close((r[t] * (y - zero)).sum(), total, rtol=1e-10, atol=1e-10)


@CASES
def test_nonnegative_is_never_claimed_wrongly(case: Case) -> None:
    layer, inputs = case.layer(), case.tensors()
    positive = [x.abs() if x.is_floating_point() else x for x in inputs]
    if layer.nonnegative(tuple(True for _ in inputs)):
        assert all((y >= 0).all() for y in outputs_of(layer, positive) if y.is_floating_point())
    if layer.nonnegative(tuple(False for _ in inputs)):
        assert all((y >= 0).all() for y in outputs_of(layer, inputs) if y.is_floating_point())


def test_sum_to_is_the_transpose_of_broadcasting() -> None:
    x = torch.randn(3, 1, dtype=torch.float64, requires_grad=True)
    y = x.expand(2, 3, 4)
    g = torch.randn(T, 2, 3, 4, dtype=torch.float64)
    for t in range(T):
        (w,) = torch.autograd.grad(y, x, g[t], retain_graph=True)
        torch.testing.assert_close(sum_to(g, x.shape)[t], w)
