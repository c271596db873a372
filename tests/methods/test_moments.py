"""SmoothGrad² and VarGrad against the squares and variances of single noisy gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.methods.smooth import noisy

from ..engine.build import Writer
from ..engine.models import CASES, loaded
from ..engine.oracle import close

N, K = 4, 7


def single_gradients(name: str, seed: int, times_input: bool) -> dict[str, np.ndarray]:
    """The gradients at the same noisy copies, one call each: {input: (copies, samples, …, units)}."""
    data = CASES[name].data(N)
    made = []
    for copy in copies(name, data, seed):
        e = ox.explain(loaded(name), copy, ox.Gradient(times_input=times_input), target="all")
        made.append({pair[0]: a.values for pair, a in e.attributions.items()})
    return {n: np.stack([m[n] for m in made]) for n in made[0]}


def copies(name: str, data: dict[str, np.ndarray], seed: int) -> list[dict[str, np.ndarray]]:
    import torch

    from onnxplain.methods.base import Chunk

    x = {n: torch.from_numpy(v) for n, v in data.items()}
    chunk = Chunk(x, np.arange(N), 1, seed, None)  # type: ignore[arg-type]
    return [{n: v.numpy() for n, v in made.items()} for _, made in noisy(chunk, 0.1, chunk.parts(K))]


@pytest.mark.parametrize("name", ["mlp", "cnn", "attention", "residual"])
@pytest.mark.parametrize("times_input", [False, True])
def test_they_are_mean_square_and_variance_of_gradients_at_noisy_copies(name: str, times_input: bool) -> None:
    data = CASES[name].data(N)
    g = single_gradients(name, 5, times_input)["x"]
    options: dict[str, Any] = {"n_samples": K, "times_input": times_input}
    found = {m: ox.explain(loaded(name), data, m(**options), target="all", seed=5).values for m in (ox.SmoothGrad, ox.SmoothGradSquared, ox.VarGrad)}
    close(found[ox.SmoothGrad], g.mean(0))
    close(found[ox.SmoothGradSquared], (g**2).mean(0))
    close(found[ox.VarGrad], g.var(0))
    close(found[ox.VarGrad], found[ox.SmoothGradSquared] - found[ox.SmoothGrad] ** 2, 1e-9)


@pytest.mark.parametrize("method", ["smoothgrad_squared", "vargrad"])
@pytest.mark.parametrize("chunk", [1, (2, 1), (3, 2)])
def test_chunks_and_single_targets_change_nothing(method: str, chunk: Any) -> None:
    data = CASES["cnn"].data(N)
    e = ox.explain(loaded("cnn"), data, method, target="all", layers=["pooled"], seed=3)
    other = ox.explain(loaded("cnn"), data, method, target="all", layers=["pooled"], seed=3, chunk_size=chunk)
    close(other.values, e.values)
    close(other.layers["pooled"].values, e.layers["pooled"].values)
    close(np.stack([ox.explain(loaded("cnn"), data, method, target=t, seed=3).values[..., 0] for t in range(4)], -1), e.values)


def test_the_variance_of_a_constant_gradient_is_exactly_zero_even_in_single_precision() -> None:
    w = Writer(57)
    w.dense("x", 4, 3, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}))
    e = ox.explain(model, np.random.default_rng(0).random((N, 4), dtype=np.float32), "vargrad", target="all", seed=0)
    assert not e.values.any()


def test_the_variance_at_an_embedding_is_the_sum_over_its_axis() -> None:
    data = CASES["embedding"].data(N)
    e = ox.explain(loaded("embedding"), data, ox.VarGrad(n_samples=K), target="all", seed=2, layers=["embedded ids"])
    close(e["ids"].values, e.layers["embedded ids"].values.sum(2))


def test_several_inputs_have_variances_of_their_own() -> None:
    data = CASES["branches"].data(N)
    g = single_gradients("branches", 4, False)
    e = ox.explain(loaded("branches"), data, ox.VarGrad(n_samples=K), target={"both": [0, 1, 2]}, seed=4)
    for n in ("a", "b"):
        one = [ox.explain(loaded("branches"), c, "gradient", target={"both": [0, 1, 2]})[n].values for c in copies("branches", data, 4)]
        close(e[n].values, np.stack(one).var(0))
    assert set(g) == {"a", "b"}


def test_smoothing_them_again_is_refused() -> None:
    with pytest.raises(ox.RuleError, match="no mean"):
        ox.Smooth(method=ox.VarGrad())
