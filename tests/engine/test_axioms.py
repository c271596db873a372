"""What attributions must satisfy whatever the model: completeness, dummies, linearity, conservation."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain import rules

from .build import Writer
from .models import CASES, loaded, relu_without_bias
from .oracle import close, run, tensors
from .table import METHODS, WITHOUT_WEIGHTS, references

N = 4
pytestmark = pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
COMPLETE = [n for n in CASES]


def explained_difference(
    name: str, data: dict[str, Any], base: dict[str, Any], e: ox.Explanation, output: str
) -> np.ndarray:
    """f(x) − f(x̄) at all units of the explained value, (samples, units)."""
    explained = {"arg_max": "scores", "softmax_reshaped": "scores", "sigmoid_output": "logit"}.get(name, output)
    model = loaded(name)
    if name.startswith("fixed"):
        rows = int(name[-1])
        parts = []
        for i in range(N):
            at, at0 = (
                run(model, {n: t[i : i + 1].expand(rows, *t.shape[1:]) for n, t in tensors(d).items()}, [explained])
                for d in (data, base)
            )
            parts.append((at[explained] - at0[explained])[0].reshape(-1).numpy())
        return np.stack(parts)
    at, at0 = (run(model, tensors(d), [explained])[explained] for d in (data, base))
    return (at - at0).reshape(N, -1).numpy()


def baseline(name: str) -> dict[str, np.ndarray]:
    """Nonzero, another one for each sample."""
    return CASES[name].data(N, seed=3, scale=0.7)


@pytest.mark.parametrize("name", COMPLETE)
def test_deeplift_is_complete_to_rounding(name: str) -> None:
    data, base = CASES[name].data(N), baseline(name)
    e = ox.explain(loaded(name), data, ox.DeepLift(baseline=base), target="all")
    for output in e.goals:
        expected = explained_difference(name, data, base, e, output)
        total = sum(
            a.values.reshape(N, -1, expected.shape[1]).sum(1) for (_, o), a in e.attributions.items() if o == output
        )
        close(total, expected, 1e-12)
        close(e.goals[output], expected, 1e-12)
        close(e.sums[output], expected, 1e-12)
    e.check(1e-10)


@pytest.mark.parametrize("name", COMPLETE)
def test_deeplift_is_complete_in_single_precision(name: str) -> None:
    data = {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in CASES[name].data(N).items()}
    e = ox.explain(loaded(name, "float32"), data, "deeplift", target="all")
    for output, goal in e.goals.items():
        # at a baseline of zeros a LayerNormalization divides by √ε, 300 times what it divides by elsewhere
        close(e.sums[output], goal, 1e-4 if name == "attention" else 1e-6)


@pytest.mark.parametrize("name", COMPLETE)
def test_deeplift_is_complete_in_single_precision_at_other_baselines(name: str) -> None:
    data, base = (
        {n: x.astype(np.float32) if x.dtype.kind == "f" else x for n, x in d.items()}
        for d in (CASES[name].data(N), baseline(name))
    )
    e = ox.explain(loaded(name, "float32"), data, ox.DeepLift(baseline=base), target="all")
    for output, goal in e.goals.items():
        close(e.sums[output], goal, 2e-6)


@pytest.mark.parametrize("name", COMPLETE)
def test_deepshap_is_complete_against_the_mean_of_its_references(name: str) -> None:
    data, refs = CASES[name].data(N), references(name)
    e = ox.explain(loaded(name), data, ox.DeepShap(data_ref=refs), target="all")
    for output in e.goals:
        close(e.sums[output], e.goals[output], 1e-12)
    e.check(1e-10)


@pytest.mark.parametrize("name", [n for n in COMPLETE if n not in ("cnn", "max_pool_ties", "fixed_1", "fixed_3")])
@pytest.mark.parametrize("quadrature", ["gauss_legendre", "riemann_middle", "riemann_trapezoid"])
def test_integrated_gradients_approach_completeness(name: str, quadrature: str) -> None:
    data, base = CASES[name].data(N), baseline(name)
    smooth = name in ("linear", "attention", "products", "sequence_first", "setting", "map_output", "softmax_reshaped")
    errors = []
    for steps in (20, 320):
        method = ox.IntegratedGradients(baseline=base, n_steps=steps, quadrature=quadrature)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            e = ox.explain(loaded(name), data, method, target="all")
        scale = max(np.abs(g).max() for g in e.goals.values())
        errors.append(max(np.abs(e.sums[o] - e.goals[o]).max() for o in e.goals) / scale)
    # a kink of ReLU on the way costs as much as the distance between two steps
    assert errors[1] < (1e-10 if quadrature == "gauss_legendre" else 1e-3) if smooth else errors[1] < 1e-2
    assert errors[1] < max(0.5 * errors[0], 1e-12)


@pytest.mark.parametrize(
    "quadrature", ["gauss_legendre", "riemann_right", "riemann_left", "riemann_middle", "riemann_trapezoid"]
)
@pytest.mark.parametrize("n_steps", [1, 2, 7])
def test_on_a_linear_model_integrated_gradients_are_gradient_times_difference(quadrature: str, n_steps: int) -> None:
    data = CASES["linear"].data(N)
    method = ox.IntegratedGradients(baseline=0.4, n_steps=n_steps, quadrature=quadrature)
    e = ox.explain(loaded("linear"), data, method, target="all")
    gradient = ox.explain(loaded("linear"), data, "gradient", target="all").values
    close(e.values, gradient * (data["x"] - 0.4)[..., None])
    close(e.sums["y"], e.goals["y"])


@pytest.mark.parametrize("method", METHODS)
def test_a_feature_that_nothing_depends_on_gets_nothing(method: str) -> None:
    w = Writer(81)
    weight = w.random.standard_normal((5, 4)).astype(np.float32)
    weight[:, 2] = 0
    h = w.node("Relu", w.node("Gemm", "x", w.constant(weight), w.weight(5), transB=1))
    w.dense(h, 5, 3, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), dtype="float64")
    e = ox.explain(model, CASES["linear"].data(N), METHODS[method]("linear"), target="all", seed=0)
    assert not e.values[:, 2].any() and np.abs(e.values[:, [0, 1, 3]]).min() >= 0 and e.values.any()


@pytest.mark.parametrize("method", METHODS)
def test_features_that_play_the_same_part_get_the_same(method: str) -> None:
    w = Writer(82)
    weight = w.random.standard_normal((5, 4)).astype(np.float32)
    weight[:, 3] = weight[:, 1]
    h = w.node("Tanh", w.node("Gemm", "x", w.constant(weight), w.weight(5), transB=1))
    w.dense(h, 5, 3, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), dtype="float64")
    data = CASES["linear"].data(N)["x"]
    data[:, 3] = data[:, 1]
    refs = references("linear")["x"]
    refs[:, 3] = refs[:, 1]
    chosen = METHODS[method]("linear")
    if hasattr(chosen, "data_ref"):
        chosen = type(chosen)(data_ref=refs)
    if "smooth" in method:
        pytest.skip("noise tells the features apart")
    e = ox.explain(model, data, chosen, target="all", seed=0)
    close(e.values[:, 1], e.values[:, 3], 1e-12)


@pytest.mark.parametrize(
    "method",
    ["gradient", "gradient_input", "smoothgrad", "integrated_gradients", "expected_gradients", "deeplift", "deepshap"],
)
@pytest.mark.parametrize("name", ["cnn", "attention", "branches"])
def test_the_contrast_of_two_units_is_the_difference_of_their_attributions(method: str, name: str) -> None:
    """Linear in the seed."""
    explain = lambda t: ox.explain(loaded(name), CASES[name].data(N), METHODS[method](name), target=t, seed=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        contrast, both = explain(ox.Contrast(0, 1)), explain([0, 1])
        mixed = explain({o: lambda y: 3 * y[:, 0] - 2 * y[:, 1] for o in both.predictions})
    for pair, a in both.attributions.items():
        close(contrast.attributions[pair].values[..., 0], a.values[..., 0] - a.values[..., 1])
        close(mixed.attributions[pair].values[..., 0], 3 * a.values[..., 0] - 2 * a.values[..., 1])
        for table in (contrast.goals, contrast.predictions):
            assert table[pair[1]].shape == (N, 1)


# LRP ---------------------------------------------------------------------------------------------------------------


def homogeneous(dtype: str = "float64") -> ox.Model:
    return ox.load(relu_without_bias(), dtype=dtype, verify="never")


CONSERVING = [
    ox.LRP(rules.Epsilon(0.0)),
    ox.LRP(rules.Zero()),
    ox.LRP(rules.Epsilon(0.0), seed="one"),
    ox.LRP("epsilon_plus"),
    ox.LRP(rules.ZPlus()),
    ox.LRP(rules.Gamma(0.25)),
]


@pytest.mark.parametrize("method", CONSERVING, ids=repr)
def test_without_biases_relevance_is_conserved(method: ox.LRP) -> None:
    data = CASES["mlp"].data(N)["x"][:, :5]
    e = ox.explain(homogeneous(), data, method, target="all", layers=["h", "k"])
    # the stabiliser takes about 1e-6 of a value where it is not 0, and a unit without positive inputs loses its relevance
    tolerance = 1e-10 if "Epsilon(epsilon=0" in repr(method) or "Zero" in repr(method) else 0.2
    close(e.sums["y"], e.goals["y"], tolerance)
    expected = np.ones((N, 3)) if method.seed == "one" else homogeneous().predict(data)["y"]
    close(e.goals["y"], expected, 1e-12)


def test_relevance_is_conserved_at_every_layer_that_all_paths_cross() -> None:
    data = CASES["mlp"].data(N)["x"][:, :5]
    e = ox.explain(homogeneous(), data, ox.LRP(rules.Zero()), target="all", layers=["h"])
    close(e.layers["h"].values.sum(1), e.goals["y"], 1e-10)


def test_epsilon_to_zero_reaches_the_rule_without_it() -> None:
    data = CASES["mlp"].data(N)["x"][:, :5]
    exact = ox.explain(homogeneous(), data, ox.LRP(rules.Zero()), target="all").values
    close(ox.explain(homogeneous(), data, ox.LRP(rules.Epsilon(1e-12)), target="all").values, exact, 1e-8)


def test_without_biases_zero_rule_on_relu_nets_is_gradient_times_input() -> None:
    data = CASES["mlp"].data(N)["x"][:, :5]
    lrp = ox.explain(homogeneous(), data, ox.LRP(rules.Zero()), target="all").values
    close(lrp, ox.explain(homogeneous(), data, "gradient_input", target="all").values, 1e-10)


@pytest.mark.parametrize("name", ["mlp", "cnn", "attention", "branches", "embedding"])
def test_the_audit_accounts_for_every_loss(name: str) -> None:
    e = ox.explain(loaded(name), CASES[name].data(N), "lrp", target="all")
    audit = e.audit()
    goal, total = (sum(np.sum(v) for v in table.values()) for table in (e.goals, e.sums))
    np.testing.assert_allclose(audit["lost"].sum(), goal - total, rtol=1e-8, atol=1e-9)
    assert set(audit["node"]) == set(e.rules)


@pytest.mark.parametrize("seed", ["one", 1, 2.5, np.float32(-1.5)], ids=repr)
def test_lrp_is_linear_in_a_number_as_seed(seed: Any) -> None:
    data = CASES["cnn"].data(N)
    one = ox.explain(loaded("cnn"), data, ox.LRP(seed="one"), target="all")
    e = ox.explain(loaded("cnn"), data, ox.LRP(seed=seed), target="all")
    factor = 1.0 if isinstance(seed, str) else float(seed)
    close(e.values, one.values * factor, 1e-12)
    close(e.goals["y"], np.full((N, 4), factor))


def test_lrp_starts_with_the_value_of_the_target_by_default() -> None:
    data = CASES["cnn"].data(N)
    one = ox.explain(loaded("cnn"), data, ox.LRP(seed="one"), target="all")
    e = ox.explain(loaded("cnn"), data, "lrp", target="all")
    value = loaded("cnn").predict(data)["y"]
    close(e.values, one.values * value[:, None, None, None], 1e-12)
    close(e.goals["y"], value)


@pytest.mark.parametrize("shape", [(N, 4), (1, 4), (N, 1), (N,)], ids=str)
@pytest.mark.parametrize("chunk_size", ["auto", (3, 3), 1], ids=str)
def test_lrp_takes_a_seed_per_sample_and_target(shape: tuple[int, ...], chunk_size: Any) -> None:
    data = CASES["cnn"].data(N)
    seed = np.random.default_rng(0).standard_normal(shape)
    one = ox.explain(loaded("cnn"), data, ox.LRP(seed="one"), target="all")
    e = ox.explain(loaded("cnn"), data, ox.LRP(seed=seed), target="all", chunk_size=chunk_size)
    full = np.broadcast_to(seed[:, None] if seed.ndim == 1 else seed, (N, 4))
    close(e.values, one.values * full[:, None, None, None], 1e-12)
    close(e.goals["y"], full)


@pytest.mark.parametrize("name", [n for n in CASES if n not in WITHOUT_WEIGHTS and n not in ("arg_max",)])
def test_connection_weights_are_the_same_for_every_sample(name: str) -> None:
    e = ox.explain(loaded(name), CASES[name].data(N), "connection_weights", target={o: 0 for o in loaded(name).outputs})
    for a in e.attributions.values():
        close(a.values, np.broadcast_to(a.values[:1], a.values.shape), 1e-12)


def test_checks_fail_where_relevance_was_lost_and_say_where() -> None:
    e = ox.explain(loaded("cnn"), CASES["cnn"].data(N), "lrp", target="all")
    with pytest.raises(ox.ConservationError, match="sample .*|target .*"):
        e.check(1e-6)
