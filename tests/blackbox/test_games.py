"""Shapley values on games small enough to enumerate, and what random coalitions and orders keep of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.methods.blackbox.kernel_shap import weighted_coalitions

from .games import coalition_value, shapley

RNG = np.random.default_rng(2)

GAMES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "product": lambda x: x.prod(1, keepdims=True),
    "max and min": lambda x: np.stack([x.max(1), x.min(1)], 1),
    "interactions": lambda x: np.stack([x[:, 0] * x[:, 1] - x[:, 2] ** 2, np.tanh(x.sum(1)) * x[:, -1]], 1),
}


@pytest.mark.parametrize("players", [2, 3, 6, 8])
@pytest.mark.parametrize("game", GAMES)
def test_kernel_shap_over_all_coalitions_equals_the_definition(game: str, players: int) -> None:
    f = GAMES[game] if players > 2 or game != "interactions" else GAMES["product"]
    x, references = RNG.normal(size=(2, players)), RNG.normal(size=(3, players))
    e = ox.explain(f, x, ox.KernelShap(data_ref=references), target="all", seed=0)
    for s in range(len(x)):
        expected = shapley(coalition_value(f, x[s], references, [[i] for i in range(players)]), players)
        np.testing.assert_allclose(e.values[s], expected, rtol=1e-9, atol=1e-11)


def test_players_are_the_groups_that_segments_name_and_share_their_value_evenly() -> None:
    f, x, references = GAMES["interactions"], RNG.normal(size=(2, 5)), RNG.normal(size=(4, 5))
    groups = [[0, 3], [1], [2, 4]]
    e = ox.explain(f, x, ox.KernelShap(data_ref=references, segments=[7, 2, 9, 7, 9]), target="all", seed=0)
    for s in range(2):
        expected = shapley(coalition_value(f, x[s], references, groups), 3)
        for g, members in enumerate(groups):
            np.testing.assert_allclose(e.values[s, members].sum(0), expected[g], rtol=1e-9)
            np.testing.assert_allclose(e.values[s, members[0]], e.values[s, members[-1]], rtol=1e-12)


def test_one_order_and_its_reverse_are_exact_where_only_pairs_interact() -> None:
    a = RNG.normal(size=(6, 6))

    def f(x: np.ndarray) -> np.ndarray:
        return np.einsum("ni,ij,nj->n", x, a, x)[:, None]

    x, references = RNG.normal(size=(3, 6)), RNG.normal(size=(2, 6))
    e = ox.explain(f, x, ox.PermutationShap(data_ref=references, n_permutations=2), seed=5)
    for s in range(3):
        expected = shapley(coalition_value(f, x[s], references, [[i] for i in range(6)]), 6)
        np.testing.assert_allclose(e.values[s], expected, rtol=1e-9, atol=1e-11)


def test_permutation_shap_comes_near_the_definition_with_many_orders() -> None:
    f, x = GAMES["max and min"], RNG.normal(size=(1, 5))
    expected = shapley(coalition_value(f, x[0], np.zeros((1, 5)), [[i] for i in range(5)]), 5)
    for antithetic in (True, False):
        e = ox.explain(f, x, ox.PermutationShap(0, 4000, antithetic=antithetic), target="all", seed=0)
        np.testing.assert_allclose(e.values[0], expected, atol=0.05)  # 1/√4000 of the largest marginal, about 2, and room


@pytest.mark.parametrize("method", [ox.KernelShap(n_samples=60), ox.PermutationShap(n_permutations=3)], ids=repr)
def test_sums_are_exact_however_few_draws_there_are(method: ox.KernelShap) -> None:
    from dataclasses import replace

    references = RNG.normal(size=(3, 12))
    x = RNG.normal(size=(4, 12))
    f = GAMES["interactions"]
    e = ox.explain(f, x, replace(method, data_ref=references), target="all", seed=0)
    np.testing.assert_allclose(e.goals["output"], f(x) - f(references).mean(0), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(e.sums["output"], e.goals["output"], rtol=1e-9, atol=1e-12)
    assert e.complete


def test_kernel_shap_from_random_coalitions_comes_near_the_definition() -> None:
    f, x = GAMES["interactions"], RNG.normal(size=(1, 14))
    exact = ox.explain(f, x, ox.KernelShap(data_ref=0, n_samples=2**14), target="all", seed=0).values
    drawn = ox.explain(f, x, ox.KernelShap(data_ref=0, n_samples=3000), target="all", seed=0).values
    assert 0 < np.abs(drawn - exact).max() < 0.05 * np.abs(exact).max()


def test_features_that_no_reference_changes_get_zero_and_cost_nothing() -> None:
    x, references = RNG.normal(size=(2, 30)), RNG.normal(size=(1, 30))
    references[:, 4:] = x[0, 4:]
    x[1, 4:] = x[0, 4:]
    rows = []

    def f(v: np.ndarray) -> np.ndarray:
        rows.append(len(v))
        return (v[:, 0] * v[:, 1] * v[:, 2] * v.sum(1))[:, None]

    for method in (ox.KernelShap(data_ref=references), ox.PermutationShap(data_ref=references)):
        rows.clear()
        e = ox.explain(f, x, method, seed=0)
        assert (e.values[:, 4:] == 0).all() and (e.values[:, :4] != 0).all()
        assert sum(rows) < 100


@pytest.mark.parametrize(("n", "budget"), [(2, 50), (5, 30), (9, 2**9), (12, 300), (40, 500), (7, 2), (3, 1)])
def test_coalitions_carry_the_shapley_kernel_and_come_with_their_complements(n: int, budget: int) -> None:
    z, w = weighted_coalitions(n, budget, np.random.default_rng(0))
    assert len(z) <= max(budget, 2) and (w > 0).all()
    assert z.any(1).all() and not z.all(1).any()
    assert len(np.unique(z, axis=0)) == len(z)
    weight = {r.tobytes(): v for r, v in zip(z, w, strict=True)}
    assert all(weight[(~r).tobytes()] == pytest.approx(v) for r, v in zip(z, w, strict=True))
    sizes = z.sum(1)
    mass = {s: (n - 1) / (s * (n - s)) for s in range(1, n)}
    assert w.sum() == pytest.approx(sum(mass.values()))
    if budget >= 2**n - 2:
        assert len(z) == 2**n - 2
        np.testing.assert_allclose([w[sizes == s].sum() for s in mass], list(mass.values()))


def test_kernel_shap_equals_the_shap_packages() -> None:
    shap = pytest.importorskip("shap")
    f, x, references = GAMES["interactions"], RNG.normal(size=(3, 7)), RNG.normal(size=(5, 7))
    theirs = np.asarray(shap.KernelExplainer(f, references).shap_values(x, nsamples=2**7, l1_reg=False, silent=True))
    ours = ox.explain(f, x, ox.KernelShap(data_ref=references), target="all", seed=0).values
    np.testing.assert_allclose(ours, theirs, atol=1e-8)  # theirs solves the normal equations by an inverse
