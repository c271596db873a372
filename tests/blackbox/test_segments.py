"""Segments: numbers, arrays, functions and cells; every element gets the value of its own segment."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.errors import InputError, RuleError
from onnxplain.methods.blackbox.players import cut_axes, find_players, grid

RNG = np.random.default_rng(3)
LABELS = RNG.integers(1, 8, size=(6, 5)) * 3  # neither from 0 nor without gaps
W = RNG.normal(size=(2, 6, 5, 2))
X = RNG.normal(size=(3, 2, 6, 5))


def linear(x: np.ndarray) -> np.ndarray:
    return np.tensordot(x, W, 3)


def per_segment(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """(segments, targets): sums over the elements (channels first) of each label."""
    return np.stack([values[:, labels == k].sum((0, 1)) for k in np.unique(labels)])


@pytest.mark.parametrize("method", [ox.KernelShap, ox.PermutationShap])
@pytest.mark.parametrize("shift", [0, 1, 100])
def test_each_segment_gets_its_own_value_whatever_numbers_it_has(method: Any, shift: int) -> None:
    e = ox.explain(linear, X, method(data_ref=0.25, segments=LABELS + shift), target="all", seed=0)
    for s in range(3):
        expected = per_segment((X[s] - 0.25)[..., None] * W, LABELS)
        np.testing.assert_allclose(per_segment(e.values[s], LABELS), expected, rtol=1e-8, atol=1e-10)


def test_every_sample_may_have_segments_of_its_own() -> None:
    """The values lie on the segment that made them, in every sample: a shift by one segment or one sample shows."""
    own = np.stack([np.roll(LABELS, k, axis=1) + k for k in range(3)])
    full = np.repeat(own[:, None], 2, axis=1)
    for given in (full, lambda x: own[np.flatnonzero([(x == v).all() for v in X])[0]]):
        e = ox.explain(linear, X, ox.FeatureAblation(segments=given), target="all")
        for s in range(3):
            products = X[s][..., None] * W
            for k in np.unique(own[s]):
                lost = products[:, own[s] == k].sum((0, 1))
                got = e.values[s][:, own[s] == k]
                np.testing.assert_allclose(got, np.broadcast_to(lost, got.shape), rtol=1e-9, atol=1e-11)


def test_elements_with_negative_numbers_are_never_replaced() -> None:
    labels = np.where(LABELS == 3, -1, LABELS)
    e = ox.explain(linear, X, ox.KernelShap(data_ref=0.0, segments=labels), target="all", seed=0)
    assert (e.values[:, :, labels < 0] == 0).all()
    kept = np.where(labels < 0, X, 0)
    np.testing.assert_allclose(e.goals["output"], linear(X) - linear(kept), rtol=1e-9)
    e.check(1e-8)


def test_lime_and_ablation_put_a_segments_value_at_each_of_its_elements() -> None:
    from sklearn.linear_model import LinearRegression

    expected = [per_segment(X[s][..., None] * W, LABELS) for s in range(3)]
    for method in (ox.FeatureAblation(segments=LABELS), ox.Lime(segments=LABELS, local_model=LinearRegression())):
        e = ox.explain(linear, X, method, target="all", seed=0)
        for s in range(3):
            for row, k in zip(expected[s], np.unique(LABELS), strict=True):
                got = e.values[s][:, LABELS == k]
                np.testing.assert_allclose(got, np.broadcast_to(row, got.shape), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("shape", "axes", "cells", "count"),
    [((9,), (0,), None, 9), ((9,), (0,), 4, 4), ((2, 50), (1,), None, 32), ((50, 3), (0,), 10, 10), ((3, 20, 31), (1, 2), None, 64),
     ((20, 31, 3), (0, 1), None, 64), ((1, 8, 8, 8), (1, 2, 3), None, 64), ((3, 5, 5), (1, 2), 9, 25), ((), (), None, 1)],
)  # fmt: skip
def test_cells_cut_all_axes_but_channels_into_nearly_equal_parts(
    shape: tuple[int, ...], axes: tuple[int, ...], cells: int | None, count: int
) -> None:
    number = grid(shape, cells, "x")
    assert cut_axes(shape) == axes and number.shape == shape
    sizes = np.bincount(number.ravel())
    assert len(sizes) == count and sizes.min() > 0
    along = [np.bincount(np.unique(np.moveaxis(number, a, 0).reshape(shape[a], -1)[:, 0], return_inverse=True)[1]) for a in axes]
    assert all(s.max() - s.min() <= 1 for s in along)


def test_players_of_different_inputs_are_different() -> None:
    players = find_players({"a": [5, 5, 1]}, {"a": np.zeros(3), "b": np.zeros(2)}, 0, 1)
    assert players.n == 4
    np.testing.assert_array_equal(players.of["a"], [1, 1, 0])
    np.testing.assert_array_equal(players.of["b"], [2, 3])
    np.testing.assert_array_equal(players.sizes, [1, 2, 1, 1])


@pytest.mark.parametrize(
    ("segments", "said"),
    [(np.zeros((6, 4), int), "have shape"), (np.zeros((6, 5)), "whole numbers"), ("pixels", "'element'"), (0, ">= 1"),
     ({"image": 3}, "'image'")],
)  # fmt: skip
def test_segments_that_do_not_fit_are_named(segments: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        ox.explain(linear, X, ox.FeatureAblation(segments=segments))


@pytest.mark.parametrize(
    ("method", "said"),
    [(ox.Occlusion(window=2, stride=3), "gaps"), (ox.Occlusion(window=(1, 2, 3, 4)), "one for each"), (ox.Occlusion(0), "size >= 1")],
)  # fmt: skip
def test_windows_that_do_not_fit_are_named(method: ox.Occlusion, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        ox.explain(linear, X, method)
