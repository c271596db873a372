"""On linear functions every method has a closed form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import onnxplain as ox

RNG = np.random.default_rng(0)
W = RNG.normal(size=(5, 3))
X = RNG.normal(size=(4, 5))
B = RNG.normal(size=(4, 5))


def linear(x: np.ndarray) -> np.ndarray:
    return x @ W + 2.0


def image_weights(shape: tuple[int, ...], targets: int = 2) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    w = np.random.default_rng(1).normal(size=(*shape, targets))
    return w, lambda x: np.tensordot(x, w, (tuple(range(1, x.ndim)), tuple(range(w.ndim - 1))))


@pytest.mark.parametrize("method", [ox.Occlusion(baseline=B), ox.FeatureAblation(baseline=B)], ids=repr)
def test_replacing_one_feature_loses_its_weight_times_its_difference(method: Any) -> None:
    e = ox.explain(linear, X, method, target="all")
    np.testing.assert_allclose(e.values, (X - B)[..., None] * W, rtol=1e-10, atol=1e-13)
    assert np.isnan(e.goals["output"]).all() and not e.complete


def test_a_window_loses_the_sum_of_its_products_at_each_of_its_elements() -> None:
    x = RNG.normal(size=(2, 2, 5, 7))
    w, f = image_weights(x.shape[1:])
    e = ox.explain(f, x, ox.Occlusion(window=(2, 3), stride=(2, 3), baseline=0.5), target="all")
    products = (x - 0.5)[..., None] * w
    for rows in (slice(0, 2), slice(2, 4), slice(4, 5)):
        for columns in (slice(0, 3), slice(3, 6), slice(6, 7)):
            expected = products[:, :, rows, columns].sum((1, 2, 3))
            got = e.values[:, :, rows, columns]
            np.testing.assert_allclose(got, np.broadcast_to(expected[:, None, None, None], got.shape), rtol=1e-10)


def test_overlapping_windows_are_averaged_over_those_that_cover_an_element() -> None:
    x = RNG.normal(size=(3, 1, 7))
    w, f = image_weights(x.shape[1:])
    e = ox.explain(f, x, ox.Occlusion(window=3, stride=2), target="all")
    products = (x[..., None] * w)[:, 0]
    windows = [slice(0, 3), slice(2, 5), slice(4, 7)]
    for k in range(7):
        expected = np.mean([products[:, s].sum(1) for s in windows if s.start <= k < s.stop], axis=0)
        np.testing.assert_allclose(e.values[:, 0, k], expected, rtol=1e-10, atol=1e-13)


def test_the_last_window_is_cut_off_by_the_end() -> None:
    x = RNG.normal(size=(1, 1, 5))
    w, f = image_weights(x.shape[1:])
    e = ox.explain(f, x, ox.Occlusion(window=3, stride=3), target="all")
    expected = (x[..., None] * w)[0, 0, 3:].sum(0)
    np.testing.assert_allclose(e.values[0, 0, 3:], np.broadcast_to(expected, (2, 2)), rtol=1e-10)


@pytest.mark.parametrize("method", [ox.KernelShap, ox.PermutationShap])
def test_the_shapley_value_of_a_linear_function_is_weight_times_difference_from_the_mean(method: Any) -> None:
    references = RNG.normal(size=(6, 5))
    e = ox.explain(linear, X, method(data_ref=references), target="all", seed=0)
    np.testing.assert_allclose(e.values, (X - references.mean(0))[..., None] * W, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(e.goals["output"], linear(X) - linear(references).mean(0), rtol=1e-10)
    e.check(1e-10)


def test_kernel_shap_from_few_random_coalitions_is_right_on_a_linear_function() -> None:
    w = RNG.normal(size=(20, 1))
    x, references = RNG.normal(size=(2, 20)), RNG.normal(size=(3, 20))
    e = ox.explain(lambda v: v @ w, x, ox.KernelShap(data_ref=references, n_samples=100), seed=1)
    np.testing.assert_allclose(e.values[..., 0], (x - references.mean(0)) * w[:, 0], rtol=1e-8, atol=1e-10)


def test_lime_finds_the_coefficients_of_a_linear_function() -> None:
    from sklearn.linear_model import LinearRegression

    e = ox.explain(linear, X, ox.Lime(n_samples=200, baseline=B, local_model=LinearRegression()), target="all", seed=0)
    np.testing.assert_allclose(e.values, (X - B)[..., None] * W, rtol=1e-8, atol=1e-10)


def test_limes_default_ridge_shrinks_them_a_little() -> None:
    e = ox.explain(linear, X, ox.Lime(n_samples=2000), target="all", seed=0)
    expected = X[..., None] * W
    np.testing.assert_allclose(e.values, expected, atol=0.03 * np.abs(expected).max())  # alpha=1 against 2000 copies
    assert np.abs(e.values).sum() < np.abs(expected).sum()


def test_rise_on_a_linear_function_is_its_expectation() -> None:
    """E[f(m ⊙ x) m_i] / p = Σ_j w_j x_j p + w_i x_i (1 − p) for independent masks of mean p, here within 5 standard errors."""
    w = np.array([[1.0], [-2.0], [0.5]])
    x, p, n = np.array([[1.5, 1.0, -2.0]]), 0.3, 20_000
    e = ox.explain(lambda v: v @ w, x, ox.Rise(n_masks=n, p=p), seed=0)
    products = x[0] * w[:, 0]
    expected = p * products.sum() + (1 - p) * products
    spread = np.abs(products).sum() / p / np.sqrt(n)
    np.testing.assert_allclose(e.values[0, :, 0], expected, atol=5 * spread)


def test_a_constant_function_gets_zeros_from_all_methods_but_rise() -> None:
    def f(x: np.ndarray) -> np.ndarray:
        return np.full((len(x), 1), 3.0)

    for method in (ox.Occlusion(), ox.FeatureAblation(), ox.Lime(), ox.KernelShap(data_ref=0), ox.PermutationShap(data_ref=0)):
        np.testing.assert_allclose(ox.explain(f, X, method, seed=0).values, 0, atol=1e-12)
