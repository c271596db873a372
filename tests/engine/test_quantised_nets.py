"""Nets from onnxruntime's quantiser: what they predict, and explanations beside those of the nets they were made from."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.layers.affine.whole_sums import WholeSums
from onnxplain.layers.quantised.rounded_norm import RoundedNorm

from ..promises import deep_lift_is_complete
from .models import CASES
from .oracle import close, onnxruntime_outputs
from .quantised_nodes import dynamic_lstm
from .quantiser import NETS, WAYS, quantised, rank_correlation, samples

PAIRS = pytest.mark.parametrize(("name", "way"), [(n, way) for n in NETS for way in WAYS])


@PAIRS
def test_a_net_from_onnxruntimes_quantiser_is_verified_and_predicts_the_same(name: str, way: str) -> None:
    proto = quantised(name, way)
    model = ox.load(proto, verify="always")
    for i in range(4):
        x = samples(name, 1, seed=10 + i)
        close(model.predict(x)["y"], onnxruntime_outputs(proto, x)["y"], 1e-6)


@PAIRS
def test_deep_lift_is_complete_on_quantised_nets(name: str, way: str) -> None:
    model = ox.load(quantised(name, way), verify="never", dtype="float64")
    x = samples(name, 2, seed=3)
    deep_lift_is_complete(model, x, 1e-9, units={"y": [0, 2]})
    deep_lift_is_complete(model, x, 1e-9, samples(name, 1, seed=4), units={"y": [0, 2]})


@PAIRS
def test_attributions_follow_the_float_nets(name: str, way: str) -> None:
    """Rank correlation over all samples and targets. (LRP on nets of random weights divides by sums that cancel: the
    trained pairs in tests/real hold it. Nor is a path from zero held that passes a layer normalisation.)"""
    few, whole = ox.load(quantised(name, way), verify="never"), ox.load(CASES[name].proto(), verify="never")
    x = samples(name, 6, seed=12)
    methods = {"gradient": ox.Gradient(), "times input": ox.Gradient(times_input=True)}
    if name != "attention":
        methods["ig"] = ox.IntegratedGradients(n_steps=10)
    for label, method in methods.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a path over steps is not complete at few points
            a, b = (ox.explain(m, x, method, target="all").values for m in (whole, few))
        assert rank_correlation(a, b) >= 0.95, (label, rank_correlation(a, b))


def test_a_batch_normalisation_behind_a_rounded_convolution_is_merged_for_the_rules_without_changing_a_bit() -> None:
    for way in ("QOperator", "QDQ", "dynamic"):
        proto = quantised("cnn", way)
        model = ox.load(proto, verify="never")
        norms = [n for n in model.graph.nodes if n.op == "BatchNormalization"]
        assert all(isinstance(n.layer, RoundedNorm) for n in norms) and len(norms) == (way != "dynamic")
        x = samples("cnn", 5, seed=6)
        np.testing.assert_allclose(model.predict(x)["y"], onnxruntime_outputs(proto, x)["y"], rtol=1e-6)
        whole = ox.load(CASES["cnn"].proto(), verify="never")
        a, b = (ox.explain(m, x, ox.LRP("epsilon_alpha2_beta1"), target="all").values for m in (whole, model))
        assert rank_correlation(a, b) >= 0.95


@pytest.mark.parametrize("way", WAYS)
def test_connection_weights_are_those_of_the_float_net_up_to_the_rounding_of_its_weights(way: str) -> None:
    few, whole = ox.load(quantised("mlp", way), verify="never"), ox.load(CASES["mlp"].proto(), verify="never")
    x = samples("mlp", 1)
    a, b = (ox.explain(m, x, ox.ConnectionWeights(), target="all").values for m in (whole, few))
    close(b, a, 0.03)


# dynamic quantisation -------------------------------------------------------------------------------------------------


def test_dynamic_quantisation_predicts_a_batch_together_and_explains_every_sample_by_its_own_range() -> None:
    proto = quantised("mlp", "dynamic")
    x = samples("mlp", 4, seed=7)
    x["x"][2] *= 10  # its range is another
    close(ox.load(proto, verify="never").predict(x)["y"], onnxruntime_outputs(proto, x)["y"], 1e-6)
    model = ox.load(proto, verify="never", dtype="float64")
    for method in (ox.DeepLift(), ox.IntegratedGradients(n_steps=3), ox.LRP()):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few points on a path
            together = ox.explain(model, x, method, target="all").values
            alone = [ox.explain(model, x["x"][i : i + 1], method, target="all").values for i in range(4)]
        close(together, np.concatenate(alone), 1e-10)


def test_a_scale_measured_on_a_value_gets_no_relevance() -> None:
    model = ox.load(quantised("mlp", "dynamic"), verify="never", dtype="float64")
    assert sum(isinstance(n.layer, WholeSums) for n in model.graph.nodes) == 3
    rows = {r["node"]: r for r in ox.explain(model, samples("mlp", 2), ox.DeepLift(), target=0).audit_rows}
    assert max(abs(r["lost"]) for r in rows.values()) <= 1e-9 * max(abs(r["relevance_in"]) for r in rows.values())
    assert sum("rounding" in r for r in rows.values()) == 3


def test_unchanged_elements_that_another_scale_rounds_otherwise_count_for_those_that_changed() -> None:
    model = ox.load(quantised("mlp", "dynamic"), verify="never", dtype="float64")
    x = samples("mlp", 1, seed=8)
    x0 = x["x"].copy()
    x0[:, 0] -= 3.0
    e = ox.explain(model, x, ox.DeepLift(baseline=x0), target="all")
    assert not e.values[:, 1:].any()
    close(e.sums["y"], e.goals["y"], 1e-12)


@pytest.mark.parametrize("per_unit", [False, True])
def test_a_dynamically_quantised_lstm_is_one_of_its_rounded_input_and_real_weights(per_unit: bool) -> None:
    proto = dynamic_lstm(per_unit)
    x = np.random.default_rng(0).standard_normal((6, 2, 3)).astype(np.float32)
    model = ox.load(proto, verify="always", batch_axis={"x": 1, "q": 1})
    expected = onnxruntime_outputs(proto, {"x": x})["q"]
    close(model.predict(x)["q"], expected, 0.01)  # onnxruntime rounds the state, too, before every step
    e = ox.explain(model, x, ox.DeepLift(), target=0)
    assert e.values.shape == (2, 6, 3, 1) and np.abs(e.values).min(axis=(0, 3)).max() > 0
    close(e.sums["q"], e.goals["q"], 1e-4)
