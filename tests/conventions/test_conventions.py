"""Each convention against the numbers of its library (tests/golden/peers/README.md)."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.conventions import PRESETS
from onnxplain.methods.table import METHODS

from .peers import GOLDEN, Step, cnn, deep_lift_problem, layer, model

PROBLEMS = ("linear", "conv_s2p1")
DEEP_LIFT = sorted({k.split("/")[0] for k in GOLDEN if k.startswith("dl_")})
DOCS = Path(__file__).parents[2] / "docs" / "conventions.md"


def close(actual: np.ndarray, expected: np.ndarray, of_largest: float = 1e-9) -> None:
    assert actual.shape == expected.shape
    np.testing.assert_allclose(actual, expected, rtol=0, atol=of_largest * np.abs(expected).max())


def given_relevance(net: ox.Model, problem: str, method: ox.LRP) -> np.ndarray:
    """The attributions of the only input, with the problem's R at all output units, summed over them."""
    r = GOLDEN[f"{problem}/in/R"]
    e = ox.explain(
        net, GOLDEN[f"{problem}/in/x"], dataclasses.replace(method, seed=r.reshape(len(r), -1)), target="all"
    )
    return e.values.sum(-1)


ZENNIT: dict[str, Any] = {
    "epsilon_1e6": ox.Epsilon(),
    "epsilon_025": ox.Epsilon(0.25),
    "zplus": ox.ZPlus(),
    "alpha2beta1": ox.AlphaBeta(),
    "gamma_025": ox.Gamma(),
    "zbox_m3_3": ox.ZBox(-3.0, 3.0),
    "wsquare": ox.WSquare(),
    "flat": ox.Flat(),
    "epsilon_nobias": ox.Epsilon(bias="ignore"),
    "zplus_nobias": ox.ZPlus(bias="ignore"),
    "alpha2beta1_nobias": ox.AlphaBeta(bias="ignore"),
    "gamma_nobias": ox.Gamma(bias="ignore"),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", ZENNIT)
def test_zennits_rules(problem: str, name: str) -> None:
    method = ox.LRP(ZENNIT[name], convention="zennit")
    close(given_relevance(layer(problem), problem, method), GOLDEN[f"{problem}/zennit/{name}"])


ZENNIT_COMPOSITES: dict[str, Any] = {
    "EpsilonPlus": None,
    "EpsilonPlusFlat": "epsilon_plus_flat",
    "EpsilonAlpha2Beta1": "epsilon_alpha2_beta1",
    "EpsilonAlpha2Beta1Flat": "epsilon_alpha2_beta1_flat",
    "EpsilonGammaBox": ox.EpsilonGammaBox(-3.0, 3.0),
    "EpsilonPlus_nobias": ox.EpsilonPlus(bias="ignore"),
    "EpsilonGammaBox_nobias": ox.EpsilonGammaBox(-3.0, 3.0, bias="ignore"),
}


@pytest.mark.parametrize("name", ZENNIT_COMPOSITES)
def test_zennits_composites(name: str) -> None:
    method = ox.LRP(ZENNIT_COMPOSITES[name], seed=GOLDEN["cnn/in/f"][:, 1:2], convention="zennit")
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], method, target=1)
    close(e.values[..., 0], GOLDEN[f"cnn/zennit/{name}/target1"])


def test_zennit_starts_with_one() -> None:
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], ox.LRP(convention="zennit"), target=1)
    close(e.values[..., 0] * GOLDEN["cnn/in/f"][:, 1].reshape(-1, 1, 1, 1), GOLDEN["cnn/zennit/EpsilonPlus/target1"])


CAPTUM: dict[str, Any] = {
    "epsilon_1e9": None,
    "gamma_025": ox.Gamma(),
    "gamma_nobias": ox.Gamma(bias="ignore"),
    "alpha1beta0": ox.ZPlus(),
    "alpha1beta0_nobias": ox.AlphaBeta(1, 0, bias="ignore"),
}


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", CAPTUM)
def test_captums_rules(problem: str, name: str) -> None:
    method = ox.LRP(CAPTUM[name], convention="captum")
    e = ox.explain(layer(problem), GOLDEN[f"{problem}/in/x"], method, target=0)
    close(e.values[..., 0], GOLDEN[f"{problem}/captum/{name}/target0"])


def test_captums_lrp_of_a_net() -> None:
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], ox.LRP(convention="captum"), target=1)
    close(e.values[..., 0], GOLDEN["cnn/captum/LRP_default/target1"])


INNVESTIGATE: dict[str, Any] = {
    "lrp.z": None,
    "lrp.epsilon_eps025": ox.Epsilon(0.25),
    "lrp.w_square": ox.WSquare(),
    "lrp.flat": ox.Flat(),
    "lrp.alpha_2_beta_1": ox.AlphaBeta(2, 1),
    "lrp.alpha_2_beta_1_IB": ox.AlphaBeta(2, 1, bias="ignore"),
    "lrp.alpha_1_beta_0": ox.AlphaBeta(1, 0),
    "lrp.alpha_1_beta_0_IB": ox.AlphaBeta(1, 0, bias="ignore"),
    "lrp.z_plus": ox.ZPlus(),
    "lrp.z_plus_fast": ox.rules.PositiveWeights(),
    "bounded_m3_3": ox.ZBox(-3.0, 3.0),
}


@pytest.mark.parametrize("name", INNVESTIGATE)
def test_innvestigates_rules(name: str) -> None:
    method = ox.LRP(INNVESTIGATE[name], convention="innvestigate")
    e = ox.explain(layer("linear"), GOLDEN["linear/in/x"], method, target=0)
    close(e.values[..., 0], GOLDEN[f"linear/innvestigate/{name}/target0"], 1e-5)  # float32


MATMUL: list[Step] = [("MatMul", [], {})]
LXT: dict[str, tuple[list[Step], dict[str, list[int]]]] = {
    "lxt_linear": ([("Gemm", ["W", "b"], {"transB": 1})], {"a0": [5]}),
    "lxt_softmax": ([("Softmax", [], {"axis": -1})], {"a0": [6]}),
    "lxt_matmul": (MATMUL, {"a0": [3, 4], "a1": [4, 5]}),
    "lxt_mul2": ([("Mul", [], {})], {"a0": [5], "a1": [5]}),
    "lxt_add2": ([("Add", [], {})], {"a0": [5], "a1": [5]}),
    "lxt_mean_last": ([("ReduceMean", [], {"keepdims": 1})], {"a0": [5]}),
    "lxt_layernorm": ([("LayerNormalization", ["weight", "bias"], {"axis": -1})], {"a0": [5]}),
}


@pytest.mark.parametrize("problem", LXT)
def test_lxts_operators(problem: str) -> None:
    steps, inputs = LXT[problem]
    if problem == "lxt_mean_last":
        net = model(problem, [("ReduceMean", [], {"axes": [-1], "keepdims": 1})], inputs, opset=17)
    else:
        net = model(problem, steps, inputs)
    r = GOLDEN[f"{problem}/in/R"]
    method = ox.LRP(seed=r.reshape(len(r), -1), convention="lxt")
    e = ox.explain(net, {n: GOLDEN[f"{problem}/in/{n}"] for n in inputs}, method, target="all")
    for n in inputs:
        close(e[n].values.sum(-1), GOLDEN[f"{problem}/lxt_explicit/R_{n}"])


def attention(problem: str, names: tuple[str, str, str]) -> ox.Model:
    from onnx import TensorProto, helper, numpy_helper

    q, k, v = names
    nodes = [
        helper.make_node("Transpose", [k], ["kt"], perm=[0, 2, 1]),
        helper.make_node("MatMul", [q, "kt"], ["scores"]),
        helper.make_node("Mul", ["scores", "scale"], ["scaled"]),
        helper.make_node("Softmax", ["scaled"], ["weights"], axis=-1),
        helper.make_node("MatMul", ["weights", v], ["y"]),
    ]
    double = TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes,
        problem,
        [helper.make_tensor_value_info(n, double, ["n", 4, 8]) for n in names],
        [helper.make_tensor_value_info("y", double, ["n", 4, 8])],
        [numpy_helper.from_array(np.array(8**-0.5), "scale")],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return ox.load(proto, dtype="float64", verify="never")


def test_lxts_attention() -> None:
    problem, names = "attention_AttnLRP", ("a0", "a1", "a2")
    method = ox.LRP(seed=GOLDEN[f"{problem}/in/R"].reshape(1, -1), convention="lxt")
    e = ox.explain(attention(problem, names), {n: GOLDEN[f"{problem}/in/{n}"] for n in names}, method, target="all")
    for n in names:
        close(e[n].values.sum(-1), GOLDEN[f"{problem}/lxt_explicit/R_{n}"])


def test_lxts_attention_with_constant_weights() -> None:
    problem, names = "attention_CPLRP", ("q", "k", "v")
    method = ox.LRP("cplrp", seed=GOLDEN[f"{problem}/in/R"].reshape(1, -1), convention="lxt")
    e = ox.explain(attention(problem, names), {n: GOLDEN[f"{problem}/in/{n}"] for n in names}, method, target="all")
    close(e["v"].values.sum(-1), GOLDEN[f"{problem}/closed_form/R_v"])
    assert not e["q"].values.any() and not e["k"].values.any()


@pytest.mark.parametrize("problem", DEEP_LIFT)
@pytest.mark.parametrize(
    ("convention", "key", "dtype", "of_largest"),
    [
        ("captum", "captum/DeepLift", "float64", 1e-9),
        ("tangermeme", "tangermeme/hooks", "float64", 1e-9),
        ("shap", "shap/DeepExplainer", "float32", 1e-5),  # its quotients cancel, by up to 3e-5, unless ours do as well
    ],
)
def test_deeplift_of_captum_shap_and_tangermeme(problem: str, convention: str, key: str, dtype: str, of_largest: float) -> None:
    x, baseline = GOLDEN[f"{problem}/in/x"], GOLDEN[f"{problem}/in/baseline"]
    method = ox.DeepLift(baseline, convention=convention)
    e = ox.explain(deep_lift_problem(problem, dtype), x, method, target=1)
    close(e.values[..., 0], GOLDEN[f"{problem}/{key}/target1"], of_largest)


@pytest.mark.parametrize("problem", DEEP_LIFT)
def test_ours_is_complete_where_theirs_are_not(problem: str) -> None:
    x, baseline = GOLDEN[f"{problem}/in/x"], GOLDEN[f"{problem}/in/baseline"]
    method = ox.DeepLift(baseline, ignore_last_activation=False)
    e = ox.explain(deep_lift_problem(problem), x, method, target=1)
    difference = (GOLDEN[f"{problem}/in/f_x"] - GOLDEN[f"{problem}/in/f_b"])[:, 1]
    close(e.sums["y"][:, 0], difference, 1e-12)


@pytest.mark.parametrize(
    "name", ["gauss_legendre", "riemann_right", "riemann_left", "riemann_middle", "riemann_trapezoid"]
)
def test_captums_integrated_gradients(name: str) -> None:
    method = ox.IntegratedGradients(GOLDEN["cnn/in/baseline"], quadrature=name, convention="captum")
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], method, target=1)
    close(e.values[..., 0], GOLDEN[f"cnn/captum/IG_{name.replace('gauss_l', 'gaussl')}_50/target1"])


def test_zennits_integrated_gradients() -> None:
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], ox.IntegratedGradients(convention="zennit"), target=1)
    close(e.values[..., 0], GOLDEN["cnn/zennit/IG_n20_zero_baseline/target1"])


def test_an_unknown_convention_lists_the_known_ones() -> None:
    with pytest.raises(ox.RuleError, match="LRP has no convention 'shap': it knows 'innsight', 'zennit'.*deeplift"):
        ox.LRP(convention="shap")


def test_smooth_keeps_its_methods_convention() -> None:
    inner = ox.LRP(convention="innsight")
    smooth = ox.Smooth(inner, n_samples=2, noise_level=0.0)
    assert smooth.preset.merged is False and smooth.last() == inner.last()
    x = GOLDEN["cnn/in/x"]
    close(ox.explain(cnn(), x, smooth, target=1).values, ox.explain(cnn(), x, inner, target=1).values, 1e-12)


def test_what_is_given_wins_over_the_convention() -> None:
    assert ox.IntegratedGradients(n_steps=7, convention="zennit").n_steps == 7
    assert ox.IntegratedGradients(convention="zennit").n_steps == 20


@pytest.mark.parametrize(("method", "convention"), [(m, c) for m, table in PRESETS.items() for c in table])
def test_every_convention_runs_and_is_documented(method: str, convention: str) -> None:
    references = {"data_ref": GOLDEN["linear/in/x"]} if method in ("expected_gradients", "deepshap") else {}
    made = METHODS[method][0](convention=convention, **references)
    e = ox.explain(layer("linear"), GOLDEN["linear/in/x"], made, target=0, seed=0)
    assert np.isfinite(e.values).all() and f"convention={convention!r}" in e.method
    lines = DOCS.read_text(encoding="utf-8").splitlines()
    assert any(f"`{convention}`" in line and f"`{METHODS[method][0].__name__}`" in line for line in lines)
