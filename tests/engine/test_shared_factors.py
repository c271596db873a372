"""LRP-ε's factor x / (x + ε) between two layers, made by one of them for both: the same numbers, and only where it may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.graph import plan
from onnxplain.rules import Epsilon, WinnerTakesAll, Zero

from .build import Writer

EVERYWHERE = {"convolution": Epsilon(1e-2), "dense": Epsilon(3e-2)}


def net(act: str = "Relu", residual: bool = False, between: str = "MaxPool") -> Any:
    """Two convolutions with a pool of overlapping windows behind the first, and two dense layers."""
    w = Writer(5)
    h = w.node(act, w.node("Conv", "x", w.weight(4, 2, 3, 3), w.weight(4)), to="first")
    h = w.node(between, h, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 0, 0])
    a = w.node("Conv", h, w.weight(4, 4, 3, 3), w.weight(4), pads=[1, 1, 1, 1])
    h = w.node("Relu", w.node("Add", a, h) if residual else a)
    h = w.node("Flatten", w.node("Transpose", h, perm=[0, 2, 3, 1]))
    h = w.node("Relu", w.dense(h, 4 * 4 * 4, 6), to="last")
    w.dense(h, 6, 5, to="y")
    return w.model({"x": ("N", 2, 10, 10)}, {"y": ("N", 5)})


def data(n: int = 3) -> np.ndarray:
    return np.random.default_rng(1).standard_normal((n, 2, 10, 10))


def explained(proto: Any, method: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> tuple[list[ox.Explanation], int]:
    """With factors of their own and with shared ones, and how many were shared."""
    found: list[int] = []
    shared = plan.shared_factors

    def alone(*given: Any) -> Any:
        return {}, {}

    def noted(*given: Any) -> Any:
        made = shared(*given)
        found.append(len(made[1]))
        return made

    out = []
    for function in (alone, noted):
        monkeypatch.setattr(plan, "shared_factors", function)
        out.append(ox.explain(ox.load(proto, dtype="float64"), data(), method, **options))
    return out, max(found)


@pytest.mark.parametrize("target", [2, "all", [4, 0], ox.Contrast(1, 3), "predicted"])
@pytest.mark.parametrize(
    ("proto", "method", "shared"),
    [
        (net(), ox.LRP(EVERYWHERE), 3),
        (net(), ox.LRP({**EVERYWHERE, "Pooling": WinnerTakesAll()}), 3),
        (net(), ox.LRP(), 1),
        (net(residual=True), ox.LRP(EVERYWHERE), 1),
        (net(between="AveragePool"), ox.LRP(EVERYWHERE), 2),
        (net(act="LeakyRelu"), ox.LRP(EVERYWHERE), 2),
        (net(), ox.LRP({**EVERYWHERE, "Pooling": WinnerTakesAll(1e-3)}), 2),
        (net(), ox.LRP({"convolution": Epsilon(1e-2, bias="distribute"), "dense": Epsilon(3e-2)}), 1),
        (net(), ox.LRP({"convolution": Zero(), "dense": Epsilon(3e-2)}), 1),
    ],
)
def test_shared_factors_change_no_number(
    proto: Any, method: Any, shared: int, target: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (alone, together), found = explained(proto, method, monkeypatch, target=target)
    assert found == shared
    expected = np.asarray(alone.values)
    assert np.abs(expected).max() > 0
    np.testing.assert_allclose(np.asarray(together.values), expected, rtol=1e-10, atol=1e-13 * np.abs(expected).max())


def test_relevance_that_is_asked_for_between_layers_is_what_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    (alone, together), found = explained(net(), ox.LRP(EVERYWHERE), monkeypatch, target=[0, 3], layers=["first", "last"])
    assert found == 1
    for v in ("first", "last"):
        np.testing.assert_allclose(np.asarray(together.layers[v].values), np.asarray(alone.layers[v].values), rtol=1e-10, atol=1e-14)


def test_an_audit_sees_relevance_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    (alone, together), _ = explained(net(), ox.LRP(EVERYWHERE), monkeypatch, target=2)
    first, second = (e.audit().select_dtypes("number").to_numpy() for e in (alone, together))
    np.testing.assert_allclose(second, first, rtol=1e-9, atol=1e-12)
