"""Chunks, seeds, several inputs and outputs, targets: numbers depend on the samples and the seed alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.errors import InputError, RuleError, TargetError
from onnxplain.methods.blackbox.rise import Rise

RNG = np.random.default_rng(4)
IMAGE = RNG.normal(size=(5, 1, 9, 7))
TOKENS = RNG.integers(1, 6, size=(5, 3))
DATA = {"image": IMAGE, "tokens": TOKENS}
EMBED = RNG.normal(size=(7, 2))
W = RNG.normal(size=(63, 2))


def model(d: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Two inputs, one of whole numbers; two outputs."""
    assert d["tokens"].dtype == TOKENS.dtype and len(d["tokens"]) == len(d["image"])
    a = np.tanh(d["image"].reshape(len(d["image"]), -1) @ W)
    b = EMBED[d["tokens"]].sum(1)
    return {"scores": a * b, "size": (a + b).sum(1)}


METHODS = [
    ox.Occlusion(),
    ox.FeatureAblation(),
    ox.Rise(n_masks=40, grid=3),
    ox.Lime(n_samples=50, segments={"image": 3}),
    ox.KernelShap(data_ref=0, n_samples=64, segments={"image": 3}),
    ox.PermutationShap(data_ref={k: v[:2] for k, v in DATA.items()}, n_permutations=3, segments=2),
]
each = pytest.mark.parametrize("method", METHODS, ids=lambda m: m.name)


def arrays(e: ox.Explanation) -> dict[Any, np.ndarray]:
    return {key: a.values for key, a in e.attributions.items()}


@each
def test_numbers_do_not_depend_on_chunks(method: Any) -> None:
    whole = arrays(ox.explain(model, DATA, method, target={"scores": "all", "size": 0}, seed=3))
    assert set(whole) == {(i, o) for i in DATA for o in ("scores", "size")}
    for given in ({"chunk_size": 1}, {"chunk_size": 7}, {"chunk_size": (1000, 1)}, {"max_memory": "60kB"}):
        cut = arrays(ox.explain(model, DATA, method, target={"scores": "all", "size": 0}, seed=3, **given))
        for key in whole:
            # a matrix product of other rows rounds differently
            np.testing.assert_allclose(cut[key], whole[key], rtol=1e-10, atol=1e-13)


@each
def test_the_same_seed_gives_the_same_numbers_and_another_others(method: Any) -> None:
    runs = [arrays(ox.explain(model, DATA, method, target="all", seed=s))["image", "scores"] for s in (3, 3, 4)]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert (runs[0] != runs[2]).any() == method.random


@each
def test_numpys_global_generator_is_left_alone(method: Any) -> None:
    np.random.seed(0)
    before = np.random.get_state()[1].copy()
    ox.explain(model, DATA, method, seed=3)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@each
def test_all_targets_together_equal_one_at_a_time(method: Any) -> None:
    together = arrays(ox.explain(model, DATA, method, target={"scores": "all"}, seed=3))
    for k in range(2):
        alone = arrays(ox.explain(model, DATA, method, target={"scores": k}, seed=3))
        for key, a in alone.items():
            np.testing.assert_allclose(together[key][..., k], a[..., 0], rtol=1e-10, atol=1e-13)


@each
def test_a_contrast_and_a_function_of_the_outputs_equal_the_difference(method: Any) -> None:
    each_unit = arrays(ox.explain(model, DATA, method, target={"scores": "all"}, seed=3))
    for target in (ox.Contrast(1, 0), lambda y: y["scores"][:, 1] - y["scores"][:, 0]):
        e = ox.explain(model, DATA, method, target={"scores": target} if isinstance(target, ox.Contrast) else target, seed=3)
        name = "scores" if isinstance(target, ox.Contrast) else "target"
        for i in DATA:
            v = each_unit[i, "scores"]
            np.testing.assert_allclose(arrays(e)[i, name][..., 0], v[..., 1] - v[..., 0], rtol=1e-8, atol=1e-10)


@each
def test_per_sample_targets_and_predictions_are_each_samples_own(method: Any) -> None:
    units = [0, 1, 1, 0, 1]
    every = arrays(ox.explain(model, DATA, method, target={"scores": "all"}, seed=3))["image", "scores"]
    e = ox.explain(model, DATA, method, target={"scores": ox.PerSample(units)}, seed=3)
    np.testing.assert_allclose(e["image"].values[..., 0], np.stack([every[i, ..., u] for i, u in enumerate(units)]), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(e.predictions["scores"][:, 0], model(DATA)["scores"][np.arange(5), units], rtol=1e-12)
    np.testing.assert_array_equal(e.target_units["scores"][:, 0], units)


@each
def test_only_the_inputs_named_are_changed(method: Any) -> None:
    from dataclasses import replace

    e = ox.explain(model, DATA, replace(method, inputs=["tokens"], **_only_tokens(method)), target={"size": 0}, seed=0)
    assert not e.attributions["image", "size"].connected and (e.attributions["image", "size"].values == 0).all()
    assert (e.attributions["tokens", "size"].values != 0).any()
    assert any("'image' is left as it is" in n for n in e.notes)


def _only_tokens(method: Any) -> dict[str, Any]:
    return {"segments": None} if getattr(method, "segments", None) is not None else {}


def test_two_inputs_share_what_the_definition_gives_each() -> None:
    """f = a·b from (0, 0): half of the product to each, however many features share it."""
    data = {"a": np.array([[3.0, 1.0]]), "b": np.array([[-2.0]])}
    segments = {"a": [0, 0], "b": [0]}

    def f(d: dict[str, np.ndarray]) -> np.ndarray:
        return d["a"].sum(1, keepdims=True) * d["b"]

    for method in (ox.KernelShap(0, segments=segments), ox.PermutationShap(0, segments=segments, n_permutations=2)):
        e = ox.explain(f, data, method, seed=0)
        np.testing.assert_allclose(e["a"].values[0, :, 0], [-2.0, -2.0], rtol=1e-10)
        np.testing.assert_allclose(e["b"].values[0, :, 0], [-4.0], rtol=1e-10)


@pytest.mark.parametrize("shape", [(8,), (2, 40), (1, 13, 11), (11, 13, 3), (1, 5, 6, 7), ()])
@pytest.mark.parametrize("kind", ["float64", "int64"])
def test_rise_masks_have_mean_p_everywhere_and_lie_between_0_and_1(shape: tuple[int, ...], kind: str) -> None:
    p, n = 0.3, 4000
    masks = Rise(n_masks=n, p=p, grid=4)._draw(np.zeros(shape, kind), np.random.default_rng(0)).of(np.arange(n))
    assert masks.min() >= 0 and masks.max() <= 1
    # each element's standard error is at most √(p(1 − p)/n); 5 of them
    np.testing.assert_allclose(masks.astype(np.float64).mean(0), p, atol=5 * np.sqrt(p * (1 - p) / n))
    assert (masks.dtype == bool) == (kind == "int64" or len(shape) < 2)


def test_baselines_come_as_number_row_rows_dict_and_function() -> None:
    x = RNG.normal(size=(4, 3))
    rows = RNG.normal(size=(4, 3))
    w = RNG.normal(size=(3, 1))

    def run(b: Any) -> np.ndarray:
        return ox.explain(lambda v: v @ w, x, ox.Occlusion(baseline=b)).values[..., 0]

    for given, expected in ((1, 1.0), (rows[0], rows[0]), (rows[:1], rows[:1]), (rows, rows), ({"input": rows}, rows), (lambda d: d.mean(0), x.mean(0))):
        np.testing.assert_allclose(run(given), (x - expected) * w[:, 0], rtol=1e-9, atol=1e-12)


def test_of_many_references_some_are_chosen_once_for_all_samples() -> None:
    references = RNG.normal(size=(50, 3))
    w = RNG.normal(size=(3, 1))
    e = ox.explain(lambda v: v @ w, RNG.normal(size=(4, 3)), ox.KernelShap(references, limit_ref=10), seed=0)
    chosen = np.unique(np.round(e.predictions["output"] - e.goals["output"], 9))
    assert len(chosen) == 1 and abs(chosen[0] - (references @ w).mean()) > 1e-6


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"method": ox.KernelShap()}, InputError, "data_ref is missing"),
        ({"method": ox.Occlusion(baseline={"tokens": 0.5})}, InputError, "'tokens', which holds int64, is 0.5"),
        ({"method": ox.Occlusion(baseline={"table": 0})}, InputError, "table"),
        ({"method": ox.Occlusion(inputs="sound")}, InputError, "sound"),
        ({"method": ox.PermutationShap(data_ref={"image": IMAGE, "tokens": TOKENS[:2]})}, InputError, "different numbers of samples"),
        ({"layers": ["h"]}, InputError, "no internal values"),
        ({"max_memory": 100}, InputError, "max_memory"),
        ({"target": {"scores": 9}}, TargetError, "no unit 9"),
        ({"target": {"score": 0}}, TargetError, "score"),
        ({"data": None}, InputError, "needs data"),
    ],
)
def test_what_does_not_fit_is_named(given: dict[str, Any], error: type[Exception], said: str) -> None:
    call = {"data": DATA, "method": ox.Occlusion(), **given}
    with pytest.raises(error, match=said):
        ox.explain(model, call.pop("data"), call.pop("method"), **call)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ox.Rise(p=1.0), "0 < p < 1"),
        (lambda: ox.Rise(n_masks=0), "n_masks >= 1"),
        (lambda: ox.Lime(kernel_width=0), "kernel_width > 0"),
        (lambda: ox.Lime(local_model="ridge"), "scikit-learn regressor"),
        (lambda: ox.KernelShap(n_samples=0), "n_samples >= 1"),
        (lambda: ox.PermutationShap(n_permutations=2.5), "n_permutations >= 1"),
        (lambda: ox.Occlusion(ignore_last_activation=True), "ignore_last_activation"),
    ],
)
def test_parameters_out_of_range_are_named(make: Any, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        make()


def test_values_that_are_not_finite_are_named() -> None:
    with pytest.raises(InputError, match="sample 1"), np.errstate(divide="ignore"):
        ox.explain(lambda x: 1 / x.sum(1, keepdims=True), np.array([[1.0, 2.0], [3.0, 0.0]]), ox.Occlusion())
