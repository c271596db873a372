"""Methods against slow re-implementations: plain torch autograd, loops, products of matrices."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper

import onnxplain as ox
from onnxplain.methods.expected_gradients import DRAWS
from onnxplain.methods.smooth import NOISE

from .build import Writer
from .models import CASES, loaded
from .oracle import close, gradient
from .slow_draws import normals, words
from .table import references

N = 3
FLOATING = ["mlp", "cnn", "attention", "branches", "products"]


def slow_gradient(name: str, data: dict[str, Any], output: str, k: int) -> dict[str, np.ndarray]:
    return gradient(loaded(name), data, lambda v: v[output].reshape(len(v[output]), -1)[:, k], [output])


def first_output(name: str) -> str:
    return next(iter(loaded(name).outputs))


def check(e: ox.Explanation, name: str, expected: dict[str, np.ndarray], output: str) -> None:
    for n, value in expected.items():
        attribution = e[n] if n in e else e[n, output]
        close(attribution.values[..., 0], value)


@pytest.mark.parametrize("name", FLOATING)
def test_gradient_and_gradient_times_input(name: str) -> None:
    data, output = CASES[name].data(N), first_output(name)
    grads = slow_gradient(name, data, output, 1)
    check(ox.explain(loaded(name), data, "gradient", target={output: 1}), name, grads, output)
    products = {n: g * data[n] for n, g in grads.items()}
    check(ox.explain(loaded(name), data, "gradient_input", target={output: 1}), name, products, output)


QUADRATURES = {
    "riemann_right": [(k / 5, 1 / 5) for k in range(1, 6)],
    "riemann_left": [(k / 5, 1 / 5) for k in range(5)],
    "riemann_middle": [((k + 0.5) / 5, 1 / 5) for k in range(5)],
    "riemann_trapezoid": [(0, 0.125), (0.25, 0.25), (0.5, 0.25), (0.75, 0.25), (1, 0.125)],
    "gauss_legendre": [(0.5 * (x + 1), 0.5 * w) for x, w in zip(*np.polynomial.legendre.leggauss(5), strict=True)],
}


@pytest.mark.parametrize("quadrature", QUADRATURES)
@pytest.mark.parametrize("name", FLOATING)
@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_integrated_gradients(name: str, quadrature: str) -> None:
    data, base, output = CASES[name].data(N), CASES[name].data(N, seed=4), first_output(name)
    total = {n: np.zeros_like(x) for n, x in data.items()}
    for alpha, weight in QUADRATURES[quadrature]:
        point = {n: base[n] + alpha * (data[n] - base[n]) for n in data}
        for n, g in slow_gradient(name, point, output, 1).items():
            total[n] = total[n] + weight * g
    for times_input in (True, False):
        method = ox.IntegratedGradients(baseline=base, n_steps=5, quadrature=quadrature, times_input=times_input)
        expected = {n: t * (data[n] - base[n]) if times_input else t for n, t in total.items()}
        check(ox.explain(loaded(name), data, method, target={output: 1}), name, expected, output)


@pytest.mark.parametrize("name", FLOATING)
def test_expected_gradients_with_the_same_draws(name: str) -> None:
    data, refs, output, seed, draws = CASES[name].data(N), references(name), first_output(name), 17, 4
    total = {n: np.zeros_like(x) for n, x in data.items()}
    for i in range(N):
        for d in range(draws):
            index, point = words([seed, DRAWS, 0], d, i, 2)
            r, alpha = (index >> 32) * 4 // 2**32, (point >> 11) / 2**53
            row = {n: data[n][i : i + 1] for n in data}
            base = {n: refs[n][r : r + 1] for n in data}
            grads = slow_gradient(name, {n: base[n] + alpha * (row[n] - base[n]) for n in data}, output, 1)
            for n in data:
                total[n][i] += (grads[n] * (row[n] - base[n]))[0] / draws
    e = ox.explain(
        loaded(name), data, ox.ExpectedGradients(data_ref=refs, n_samples=draws), target={output: 1}, seed=seed
    )
    check(e, name, total, output)


@pytest.mark.parametrize("times_input", [False, True])
@pytest.mark.parametrize("name", FLOATING)
def test_smoothgrad_with_the_same_draws(name: str, times_input: bool) -> None:
    data, output, seed, draws, level = CASES[name].data(N), first_output(name), 23, 4, 0.3
    total = {n: np.zeros_like(x) for n, x in data.items()}
    for i in range(N):
        row = {n: data[n][i : i + 1] for n in data}
        sigma = {n: level * (x.max() - x.min()) for n, x in row.items()}
        for d in range(draws):
            noise = {n: normals([seed, NOISE, s], d, i, x.shape) for s, (n, x) in enumerate(row.items())}
            noisy = {n: x + sigma[n] * noise[n] for n, x in row.items()}
            for n, g in slow_gradient(name, noisy, output, 1).items():
                total[n][i] += (g * noisy[n] if times_input else g)[0] / draws
    method = ox.SmoothGrad(n_samples=draws, noise_level=level, times_input=times_input)
    check(ox.explain(loaded(name), data, method, target={output: 1}, seed=seed), name, total, output)


@pytest.mark.parametrize("name", ["cnn", "branches", "embedding", "fixed_3"])
def test_smoothgrad_without_noise_is_the_gradient(name: str) -> None:
    data = CASES[name].data(N)
    smooth = ox.explain(loaded(name), data, ox.SmoothGrad(n_samples=3, noise_level=0.0), target="all")
    plain = ox.explain(loaded(name), data, "gradient", target="all")
    for pair, a in smooth.attributions.items():
        close(a.values, plain.attributions[pair].values, 1e-12, 0.1)


def test_smooth_of_the_gradient_is_smoothgrad() -> None:
    data = CASES["branches"].data(N)
    for times_input in (False, True):
        one = ox.explain(loaded("branches"), data, ox.SmoothGrad(n_samples=6, times_input=times_input), seed=5)
        other = ox.explain(
            loaded("branches"), data, ox.Smooth(ox.Gradient(times_input=times_input), n_samples=6), seed=5
        )
        for pair, a in one.attributions.items():
            close(a.values, other.attributions[pair].values, 1e-12)


@pytest.mark.parametrize(
    "inner", [ox.LRP(), ox.DeepLift(baseline=0.1), ox.IntegratedGradients(n_steps=4), ox.Gradient()], ids=repr
)
@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_smooth_is_the_mean_over_noisy_copies(inner: Any) -> None:
    data, seed, draws, level = CASES["mlp"].data(N), 31, 3, 0.2
    x = data["x"]
    sigma = level * (x.max(1) - x.min(1))
    noise = np.stack([[normals([seed, NOISE, 0], d, i, (6,)) for i in range(N)] for d in range(draws)])
    copies = [
        ox.explain(loaded("mlp"), x + sigma[:, None] * noise[k], inner, target="all").values for k in range(draws)
    ]
    e = ox.explain(loaded("mlp"), data, ox.Smooth(inner, n_samples=draws, noise_level=level), target="all", seed=seed)
    close(e.values, np.mean(copies, 0), 1e-12)


def test_smooth_takes_over_whether_the_last_activation_is_ignored() -> None:
    data = CASES["sigmoid_output"].data(N)
    smooth = ox.Smooth(ox.Gradient(ignore_last_activation=False), n_samples=2, noise_level=0.0)
    close(
        ox.explain(loaded("sigmoid_output"), data, smooth).values,
        ox.explain(loaded("sigmoid_output"), data, ox.Gradient(ignore_last_activation=False)).values,
    )


# DeepLIFT and its baselines ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["mlp", "cnn", "attention", "branches", "embedding", "sequence_first", "fixed_3", "setting"]
)
@pytest.mark.parametrize("chunk_size", ["auto", 2])
def test_deepshap_is_the_mean_of_deeplift_over_the_references(name: str, chunk_size: Any) -> None:
    case, data = CASES[name], CASES[name].data(N)
    refs = references(name, 3)
    e = ox.explain(loaded(name), data, ox.DeepShap(data_ref=refs), target="all", chunk_size=chunk_size)
    singles = []
    for r in range(3):
        axes = {n: case.options.get("batch_axis", {}).get(n, 0) for n in refs}
        base = {n: x if n in case.shared else np.take(x, [r], axes[n]) for n, x in refs.items()}
        singles.append(ox.explain(loaded(name), data, ox.DeepLift(baseline=base), target="all"))
    for pair, a in e.attributions.items():
        close(a.values, np.mean([s.attributions[pair].values for s in singles], 0), 1e-12)
        close(e.goals[pair[1]], np.mean([s.goals[pair[1]] for s in singles], 0), 1e-12)


def test_a_baseline_may_be_a_number_a_row_rows_a_dict_or_a_callable() -> None:
    x = CASES["mlp"].data(N)["x"]
    row = np.linspace(-1, 1, 6)
    explain = lambda b: ox.explain(loaded("mlp"), x, ox.DeepLift(baseline=b), target="all").values
    expected = explain(np.broadcast_to(row, (N, 6)).copy())
    for form in (
        row,
        row[None],
        row.tolist(),
        {"x": row},
        (row,),
        torch.from_numpy(row),
        lambda d: row,
        lambda d: d * 0 + row,
    ):
        close(explain(form), expected, 1e-12)
    close(explain(0.5), explain(np.full((N, 6), 0.5)), 1e-12)
    close(explain(0), explain(lambda d: d * 0), 1e-12)
    own = np.random.default_rng(1).standard_normal((N, 6))
    together = explain(own)
    for i in range(N):
        alone = ox.explain(loaded("mlp"), x[i : i + 1], ox.DeepLift(baseline=own[i]), target="all").values
        close(together[i : i + 1], alone, 1e-12)


def test_a_baseline_that_is_the_data_gives_zeros() -> None:
    for name in ("mlp", "cnn", "attention", "products", "embedding"):
        data = CASES[name].data(N)
        e = ox.explain(loaded(name), data, ox.DeepLift(baseline=data), target="all")
        assert all(not a.values.any() for a in e.attributions.values())
        assert all(np.isfinite(d).all() or np.isnan(d).all() for d in e.delta.values())


def test_a_baseline_with_the_samples_on_another_axis() -> None:
    data = CASES["sequence_first"].data(N)
    base = CASES["sequence_first"].data(N, seed=8)
    together = ox.explain(loaded("sequence_first"), data, ox.DeepLift(baseline=base), target="all")
    for i in range(N):
        alone = ox.explain(
            loaded("sequence_first"), data["x"][:, [i]], ox.DeepLift(baseline=base["x"][:, [i]]), target="all"
        )
        close(together.values[[i]], alone.values, 1e-12)
        row = ox.explain(
            loaded("sequence_first"), data["x"][:, [i]], ox.DeepLift(baseline=base["x"][:, i]), target="all"
        )
        close(row.values, alone.values, 1e-12)


def test_of_too_many_references_some_are_drawn_once_for_all_samples() -> None:
    x, refs = CASES["mlp"].data(N)["x"], references("mlp", 12)["x"]
    e = ox.explain(loaded("mlp"), x, ox.DeepShap(data_ref=refs, limit_ref=5), target=0, seed=1)
    each = np.stack([ox.explain(loaded("mlp"), x, ox.DeepLift(baseline=r), target=0).values for r in refs])
    means = {tuple(c): each[list(c)].mean(0) for c in combinations(range(12), 5)}
    assert min(np.abs(m - e.values).max() for m in means.values()) < 1e-12


# Connection weights ------------------------------------------------------------------------------------------------


def test_connection_weights_of_a_dense_net_are_the_product_of_its_matrices() -> None:
    w = Writer(91)
    a, b, c = (w.random.standard_normal(s).astype(np.float32) for s in ((4, 5), (5, 6), (6, 3)))
    h = w.node("Tanh", w.node("Add", w.node("MatMul", "x", w.constant(a)), w.weight(5)))
    h = w.batch_norm(w.node("Gemm", w.node("Relu", h), w.constant(b), w.weight(6)), 6)
    w.node("Softmax", w.node("MatMul", h, w.constant(c)), to="y", axis=-1)
    names = {t.name: numpy_helper.to_array(t).astype(np.float64) for t in w.initializers}
    bn = next(n for n in w.nodes if n.op_type == "BatchNormalization")
    gain = names[bn.input[1]] / np.sqrt(names[bn.input[4]] + 1e-5)
    expected = a.astype(np.float64) @ (b * gain) @ c
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), dtype="float64")
    e = ox.explain(model, method="connection_weights", target="all")
    close(e.values, expected[None], 1e-6)  # ε of the normalisation is stored in single precision
    x = CASES["linear"].data(N)["x"]
    times = ox.explain(model, x, ox.ConnectionWeights(times_input=True), target="all")
    close(times.values, expected[None] * x[..., None], 1e-6)


def test_connection_weights_count_skip_connections_fully_and_share_pooling_evenly() -> None:
    w = Writer(92)
    m = w.random.standard_normal((4, 4)).astype(np.float32)
    h = w.node("Add", "x", w.node("Relu", w.node("MatMul", "x", w.constant(m))))
    h = w.node("MaxPool", w.node("Unsqueeze", h, w.constant([1])), kernel_shape=[2], strides=[2])
    v = w.random.standard_normal((2, 3)).astype(np.float32)
    w.node("MatMul", w.node("Squeeze", h, w.constant([1])), w.constant(v), to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), dtype="float64")
    pool = np.kron(np.eye(2), np.full((2, 1), 0.5))
    expected = (np.eye(4) + m.astype(np.float64)) @ pool @ v
    close(ox.explain(model, method="connection_weights", target="all").values, expected[None], 1e-12)


def test_connection_weights_times_input_need_data() -> None:
    with pytest.raises(ox.InputError, match="needs data"):
        ox.explain(loaded("linear"), method=ox.ConnectionWeights(times_input=True))
