"""Blurred baselines against the Gaussian written out, and integrated gradients over a set of baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from ..engine.models import CASES, loaded
from ..engine.oracle import close
from .nets import data, net

#: few points on the path are enough to compare
pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss")


def written_out(x: np.ndarray, axis: int, sigma: float) -> np.ndarray:
    """One axis, place by place, mirrored at the edges with the edge repeated."""
    radius, n = int(4 * sigma + 0.5), x.shape[axis]
    moved, out = np.moveaxis(x, axis, 0), np.zeros_like(np.moveaxis(x, axis, 0))
    weights = [np.exp(-0.5 * (k / sigma) ** 2) for k in range(-radius, radius + 1)]
    for i in range(n):
        for k, w in zip(range(-radius, radius + 1), weights, strict=True):
            j = (i + k) % (2 * n)
            out[i] += w / sum(weights) * moved[min(j, 2 * n - 1 - j)]
    return np.moveaxis(out, 0, axis)


@pytest.mark.parametrize(
    ("shape", "axes"), [((2, 3, 7, 5), (2, 3)), ((2, 7, 5, 3), (1, 2)), ((2, 2, 9), (2,)), ((2, 1, 4, 5, 6), (2, 3, 4))]
)
@pytest.mark.parametrize("sigma", [0.7, 3.0])
def test_blur_is_a_gaussian_over_the_places(shape: tuple[int, ...], axes: tuple[int, ...], sigma: float) -> None:
    x = np.random.default_rng(0).standard_normal(shape)
    expected = x
    for axis in axes:
        expected = written_out(expected, axis, sigma)
    close(ox.Blur(sigma)(x), expected)


def test_blur_keeps_constants_and_means_and_takes_axes() -> None:
    x = np.full((2, 3, 6, 5), 0.7)
    close(ox.Blur(2)(x), x)
    noise = np.random.default_rng(1).standard_normal((2, 3, 6, 5))
    close(ox.Blur(1.5)(noise).mean((2, 3)), noise.mean((2, 3)))
    close(ox.Blur(1.5, axes=[-1])(noise), written_out(noise, 3, 1.5))
    with pytest.raises(ox.InputError, match="sigma > 0"):
        ox.Blur(0)


@pytest.mark.parametrize("method", [ox.IntegratedGradients, ox.DeepLift])
def test_a_blurred_baseline_equals_the_blurred_data_given_by_hand(method: Any) -> None:
    x = data("image")
    e = ox.explain(net("image"), x, method(baseline=ox.Blur(1.5)), target="all")
    close(e.values, ox.explain(net("image"), x, method(baseline=ox.Blur(1.5)(x["x"])), target="all").values)


def test_a_table_beside_a_blurred_image_gets_zeros_or_what_a_dict_says() -> None:
    x = data("two_inputs")
    e = ox.explain(net("two_inputs"), x, ox.DeepLift(baseline=ox.Blur(1.0)), target="all")
    by_hand = {"x": ox.Blur(1.0)(x["x"]), "t": 0.0}
    expected = ox.explain(net("two_inputs"), x, ox.DeepLift(baseline=by_hand), target="all")
    mixed = ox.explain(net("two_inputs"), x, ox.DeepLift(baseline={"x": ox.Blur(1.0), "t": 0.5}), target="all")
    other = ox.explain(net("two_inputs"), x, ox.DeepLift(baseline={**by_hand, "t": 0.5}), target="all")
    for n in x:
        close(e[n].values, expected[n].values)
        close(mixed[n].values, other[n].values)


@pytest.mark.parametrize("name", ["mlp", "branches", "attention"])
@pytest.mark.parametrize("times_input", [True, False])
def test_over_a_set_integrated_gradients_are_the_mean_over_its_baselines(name: str, times_input: bool) -> None:
    x, refs = CASES[name].data(4), CASES[name].data(4, seed=5)  # as many baselines as samples: no confusion of the two
    options: dict[str, Any] = {"n_steps": 6, "times_input": times_input, "quadrature": "riemann_middle"}
    e = ox.explain(loaded(name), x, ox.IntegratedGradients(baseline=ox.BaselineSet(refs), **options), target="all")
    single = [
        ox.explain(loaded(name), x, ox.IntegratedGradients(baseline={n: r[i] for n, r in refs.items()}, **options), target="all")
        for i in range(4)
    ]
    for pair, a in e.attributions.items():
        close(a.values, np.mean([s.attributions[pair].values for s in single], 0))
    for output, goal in e.goals.items() if times_input else ():
        close(goal, np.mean([s.goals[output] for s in single], 0))


@pytest.mark.parametrize("chunk", [1, (3, 1)])
def test_chunks_change_nothing_over_a_set(chunk: Any) -> None:
    x, refs = CASES["mlp"].data(4), CASES["mlp"].data(3, seed=5)
    method = ox.IntegratedGradients(baseline=ox.BaselineSet(refs), n_steps=200)
    e = ox.explain(loaded("mlp"), x, method, target="all")
    close(ox.explain(loaded("mlp"), x, method, target="all", chunk_size=chunk).values, e.values)
    close(e.sums["y"], e.goals["y"], 1e-2)


def test_a_set_is_refused_where_one_baseline_is_meant() -> None:
    with pytest.raises(ox.InputError, match="DeepShap"):
        ox.explain(loaded("mlp"), CASES["mlp"].data(2), ox.DeepLift(baseline=ox.BaselineSet(np.zeros((2, 6)))))
