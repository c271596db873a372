"""If, Loop and Scan: every method gives what it gives on the same nodes written out step after step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, TensorProto

import onnxplain as ox
from onnxplain.methods.base import Method

from .build import Writer
from .control_models import CASES, CLASSES, FEATURES, STEPS, UNITS, Inside, Weights, branch, loop, scan, start
from .table import arrays

INT64, BOOL = TensorProto.INT64, TensorProto.BOOL


@cache
def loaded(name: str, nested: bool) -> ox.Model:
    """Compared with onnxruntime, which runs the body itself."""
    return ox.load(CASES[name].make(nested), dtype="float64", verify="always")


def one_row(name: str) -> dict[str, np.ndarray]:
    """A baseline that is not zero."""
    case = CASES[name]
    return {k: x.take(0, axis=case.shapes[k].index("N")) for k, x in case.data(1, seed=3).items()}


METHODS: dict[str, Callable[[str], Method]] = {
    "gradient": lambda name: ox.Gradient(),
    "gradient_input": lambda name: ox.Gradient(times_input=True),
    "smoothgrad": lambda name: ox.SmoothGrad(n_samples=3),
    "integrated_gradients": lambda name: ox.IntegratedGradients(n_steps=40),
    "guided_backprop": lambda name: ox.GuidedBackprop(),
    "deconvnet": lambda name: ox.Deconvnet(),
    "lrp": lambda name: ox.LRP(),
    "lrp_alpha_beta": lambda name: ox.LRP(ox.AlphaBeta(2, 1)),
    "lrp_signal": lambda name: ox.LRP("cplrp"),
    "lrp_proportional": lambda name: ox.LRP(ox.EpsilonPlus(product="proportional")),
    "lrp_zennit": lambda name: ox.LRP(convention="zennit"),
    "lrp_innsight": lambda name: ox.LRP(convention="innsight"),
    "deeplift": lambda name: ox.DeepLift(baseline=one_row(name)),
    "deeplift_reveal_cancel": lambda name: ox.DeepLift(baseline=one_row(name), rule="reveal_cancel"),
    "deeplift_captum": lambda name: ox.DeepLift(baseline=one_row(name), convention="captum"),
    "deepshap": lambda name: ox.DeepShap(data_ref=CASES[name].data(4, seed=4)),
    "connection_weights": lambda name: ox.ConnectionWeights(),
}


def defined(method: str, name: str) -> bool:
    if method in ("guided_backprop", "deconvnet"):
        return name in ("gated", "plain", "counted")  # those with a rectifier
    if name == "counted" and method == "deeplift_reveal_cancel":
        return False  # an activation is seen together with the layers before it in the same body only
    if name == "counted" and method == "lrp_zennit":
        return False  # written out, the number of a step is a constant, for which it has another rule
    return not CASES[name].products or method not in ("connection_weights", "lrp_innsight")


PAIRS = [(m, name) for m in METHODS for name in CASES if defined(m, name)]


@pytest.mark.parametrize(("method", "name"), PAIRS)
@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_a_nested_model_is_explained_as_its_nodes_written_out(method: str, name: str) -> None:
    data = CASES[name].data()
    nested, flat = (
        arrays(ox.explain(loaded(name, n), data, METHODS[method](name), target="all", seed=1)) for n in (True, False)
    )
    assert nested.keys() == flat.keys() and any(np.abs(v).max() > 1e-3 for v in nested.values())
    for key, expected in flat.items():
        largest = np.nan_to_num(np.abs(expected)).max()  # a goal that there is none of is NaN
        np.testing.assert_allclose(nested[key], expected, rtol=1e-10, atol=1e-10 * largest, err_msg=str(key))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
def test_deeplift_is_complete_through_every_step(name: str, rule: str) -> None:
    e = ox.explain(loaded(name, True), CASES[name].data(), ox.DeepLift(baseline=one_row(name), rule=rule), target="all")
    np.testing.assert_allclose(e.sums["y"], e.goals["y"], rtol=0, atol=1e-12 * np.abs(e.goals["y"]).max())


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("method", ["gradient", "lrp", "deeplift", "deepshap"])
def test_chunks_do_not_change_a_number(name: str, method: str) -> None:
    data, m = CASES[name].data(5), METHODS[method](name)
    whole = arrays(ox.explain(loaded(name, True), data, m, target="all"))
    parts = arrays(ox.explain(loaded(name, True), data, m, target="all", chunk_size=(2, 1)))
    for key, expected in whole.items():
        np.testing.assert_allclose(parts[key], expected, rtol=1e-10, atol=1e-12, err_msg=str(key))


def test_threads_do_not_disturb_each_other() -> None:
    data = [CASES["gated"].data(2, seed=k) for k in range(6)]
    run = lambda d: ox.explain(loaded("gated", True), d, ox.DeepLift(), target=1)["x"].values
    alone = [run(d) for d in data]
    with ThreadPoolExecutor(3) as pool:
        for a, b in zip(alone, pool.map(run, data), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_gradient_of_a_scan_is_autograds() -> None:
    w = Writer(5)
    p = Weights(w)

    def cell(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        z = b.node("Add", b.node("MatMul", now[0], p("x", FEATURES, UNITS)), b.node("MatMul", states[0], p("h", UNITS, UNITS)))
        return [b.node("Tanh", z)], []

    h, = scan(w, cell, ["h"], ["x"], 0, True, backward=[1])
    w.node("Identity", h, to="y")
    model = ox.load(w.model({"x": (STEPS, "N", FEATURES), "h": ("N", UNITS)}, {"y": ("N", UNITS)}), dtype="float64")
    rng = np.random.default_rng(0)
    data = {"x": rng.standard_normal((STEPS, 3, FEATURES)), "h": rng.standard_normal((3, UNITS))}
    e = ox.explain(model, data, ox.Gradient(), target=2)
    constants = {t.name: torch.from_numpy(np.frombuffer(t.raw_data, np.float32).astype(float).reshape(tuple(t.dims))) for t in w.initializers if len(t.dims) == 2}
    wx, wh = constants[p.known["x"]], constants[p.known["h"]]
    x, h0 = (torch.from_numpy(data[k]).requires_grad_() for k in ("x", "h"))
    s = h0
    for k in reversed(range(STEPS)):
        s = torch.tanh(x[k] @ wx + s @ wh)
    gx, gh = torch.autograd.grad(s[:, 2].sum(), [x, h0])
    np.testing.assert_allclose(e["x"].values[..., 0].swapaxes(0, 1) if e["x"].values.shape[0] == 3 else e["x"].values[..., 0], gx.numpy(), rtol=1e-10)
    np.testing.assert_allclose(e["h"].values[..., 0], gh.numpy(), rtol=1e-10)


def counting(steps: Any, asks: bool = False) -> ModelProto:
    """x doubles, and is stacked before, as often as an input says; `asks`: until the sum of a sample passes 20."""
    w = Writer()
    b = Inside(w, "body")
    on = b.node("Less", b.node("ReduceSum", "s", keepdims=0), w.constant(20.0)) if asks else b.node("Identity", "going")
    body = b.graph(["i", "going", "s"], [on, b.node("Add", "s", "s"), "s"], {"i": INT64, "going": BOOL})
    w.node("Loop", "" if asks else "times", "", "x", to=["y", "all"], body=body, name="loop")
    inputs = {"x": (1 if asks else "N", 3)} | ({} if asks else {"times": ()})
    return w.model(inputs, {"y": (1 if asks else "N", 3), "all": (None, None, 3)}, types={"times": INT64})


#: samples of `counting`
AXES = {"x": 0, "y": 0, "all": 1}


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_loop_runs_as_often_as_an_input_says(steps: int) -> None:
    model = ox.load(counting(steps), dtype="float64", batch_axis={**AXES, "times": None})
    x = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])
    made = model.predict({"x": x, "times": np.array(steps)})
    np.testing.assert_array_equal(made["y"], x * 2**steps)
    assert made["all"].shape == (steps, 2, 3)
    for method, factor in ((ox.Gradient(), 1), (ox.LRP(), x), (ox.DeepLift(baseline=1.0), x - 1)):
        e = ox.explain(model, {"x": x, "times": np.array(steps)}, method, target={"y": "all"})
        expected = np.eye(3) * 2**steps * np.broadcast_to(factor, x.shape)[..., None]
        np.testing.assert_allclose(e["x"].values, expected, rtol=1e-5 if method.name == "lrp" else 1e-12, atol=1e-12)


def test_a_condition_ends_a_loop_for_each_sample() -> None:
    model = ox.load(counting(None, asks=True), dtype="float64", verify="never", batch_axis=AXES)
    x = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [30.0, 1.0, 1.0]])  # the sum is looked at before it is doubled
    steps = np.array([3, 2, 1])
    e = ox.explain(model, x, ox.Gradient(), target={"y": 1})
    np.testing.assert_array_equal(e["x"].values[:, 1, 0], 2.0**steps)
    np.testing.assert_array_equal(e.predictions["y"][:, 0], x[:, 1] * 2.0**steps)


def test_another_number_of_steps_at_the_baseline_is_an_error_that_says_what_to_do() -> None:
    model = ox.load(counting(None, asks=True), dtype="float64", verify="never")
    with pytest.raises(ox.RuleError, match=r"'loop' \(Loop\).*3 steps for the samples and 2 for the baseline.*IntegratedGradients"):
        ox.explain(model, np.array([[1.0, 2.0, 3.0]]), ox.DeepLift(baseline=np.array([[4.0, 5.0, 6.0]])), target={"y": 0})
    e = ox.explain(model, np.array([[1.0, 2.0, 3.0]]), ox.DeepLift(baseline=np.array([[1.5, 2.0, 2.0]])), target={"y": 0})
    np.testing.assert_allclose(e["x"].values[0, :, 0], [-4.0, 0.0, 0.0])


def branching(rows: int | str = "N") -> ModelProto:
    """2x where the sum of all samples is positive, else −x²."""
    w = Writer()
    some = w.node("Greater", w.node("ReduceSum", "x", keepdims=0), w.constant(0.0))
    branch(w, some, lambda b: b.node("Mul", "x", w.constant(2.0)), lambda b: b.node("Neg", b.node("Mul", "x", "x")), to="y")
    return w.model({"x": (rows, 3)}, {"y": (rows, 3)})


@pytest.mark.parametrize("rows", ["N", 1])
def test_every_sample_takes_its_own_branch(rows: int | str) -> None:
    model = ox.load(branching(rows), dtype="float64")
    x = np.array([[1.0, 2.0, -0.5], [-1.0, 0.5, -2.0], [3.0, 1.0, 1.0]])
    e = ox.explain(model, x, ox.Gradient(), target="all")
    taken = x.sum(1) > 0
    np.testing.assert_allclose(e["x"].values, np.where(taken[:, None], 2.0, -2 * x)[..., None] * np.eye(3))
    np.testing.assert_allclose(e.predictions["y"], np.where(taken[:, None], 2 * x, -(x**2)))


def test_another_branch_at_the_baseline_is_an_error_that_says_what_to_do() -> None:
    model = ox.load(branching(), dtype="float64")
    x, x0 = np.array([[-1.0, 0.5, -2.0]]), np.array([[-3.0, 1.0, 1.0]])
    with pytest.raises(ox.RuleError, match=r"\(If\).*'else'.*'then'.*IntegratedGradients"):
        ox.explain(model, x, ox.DeepLift(baseline=-x0), target=0)
    e = ox.explain(model, x, ox.DeepLift(baseline=x0), target=0)
    np.testing.assert_allclose(e["x"].values[0, 0, 0], -(1.0 - 9.0))


def test_rules_are_chosen_inside_by_name_place_and_operator() -> None:
    model = loaded("plain", True)
    table = model.coverage_rows(ox.LRP({"scan4/Gemm_0": ox.Flat(), "MatMul": ox.ZPlus()}))
    rules = {r["node"]: r["rule"] for r in table}
    assert rules["scan4"] == "Parts()" and rules["scan4/Gemm_0"].startswith("Flat")
    assert rules["scan4/MatMul_1"].startswith("ZPlus") and rules["scan4/Relu_3"] == "Pass()"
    first = {r["node"] for r in model.coverage_rows(ox.LRP("epsilon_plus_flat")) if r["rule"].startswith("Flat")}
    assert first == {"scan4/Gemm_0"}
    last = ox.LRP(ox.Composite(((ox.Last(), ox.ZPlus()), *ox.rules.composites.default_rows())))
    assert {r["node"] for r in model.coverage_rows(last) if r["rule"].startswith("ZPlus")} == {"Gemm_7"}


@pytest.mark.parametrize("composite", ["epsilon_plus_flat", "epsilon_alpha2_beta1_flat"])
def test_the_first_layers_are_those_of_the_model_written_out(composite: str) -> None:
    for name in ("plain", "normalized", "growing"):
        data = CASES[name].data()
        a, b = (ox.explain(loaded(name, n), data, ox.LRP(composite), target="all")["x"].values for n in (True, False))
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_a_gate_that_lies_outside_is_found() -> None:
    results = []
    for nested in (True, False):
        w = Writer(8)
        gate = w.node("Identity", w.node("Sigmoid", w.dense("x", FEATURES, UNITS)))
        p = Weights(w)

        def step(b: Writer, i: str, states: Sequence[str], gate: str = gate, p: Weights = p) -> tuple[list[str], list[str]]:
            return [b.node("Mul", b.node("MatMul", states[0], p("h", UNITS, UNITS)), gate)], []

        (h,) = loop(w, step, [w.dense("x", FEATURES, UNITS)], 0, nested)
        w.node("Identity", h, to="y")
        model = ox.load(w.model({"x": ("N", FEATURES)}, {"y": ("N", UNITS)}), dtype="float64")
        x = np.random.default_rng(2).standard_normal((3, FEATURES))
        e = ox.explain(model, x, ox.LRP(ox.EpsilonPlus(product="signal")), target="all")
        assert any("Signal(gate=1" in rule for rule in e.rules.values())
        results.append(e["x"].values)
    np.testing.assert_allclose(results[0], results[1], rtol=1e-10)


def test_what_has_no_rule_inside_is_named() -> None:
    with pytest.raises(ox.RuleError, match=r"'scan7/Mul_\d+' \(Mul, Product\)"):
        ox.explain(loaded("gated", True), CASES["gated"].data(), ox.ConnectionWeights(), target=0)


@pytest.mark.parametrize("method", ["lrp", "deeplift", "gradient_input"])
def test_an_audit_lists_the_nodes_inside(method: str) -> None:
    e = ox.explain(loaded("plain", True), CASES["plain"].data(), METHODS[method]("plain"), target="all")
    flat = ox.explain(loaded("plain", False), CASES["plain"].data(), METHODS[method]("plain"), target="all")
    rows, other = ({r["node"]: r for r in x.audit().to_dict("records")} for x in (e, flat))
    assert list(rows)[:3] == ["scan4", "scan4/Gemm_0", "scan4/MatMul_1"]
    there = [r for r in other.values() if r["operator"] == "Relu"]
    for key in ("relevance_in", "relevance_out", "lost"):
        np.testing.assert_allclose(rows["scan4/Relu_3"][key], sum(r[key] for r in there), rtol=1e-9, atol=1e-9)
    inside = sum(r["lost"] for n, r in rows.items() if n.startswith("scan4/"))
    np.testing.assert_allclose(rows["scan4"]["lost"], inside, rtol=1e-9, atol=1e-9)


def test_a_nested_model_prints_and_is_a_graph() -> None:
    model = loaded("counted", True)
    assert "loop1/loop1if6/then/Tanh_2" in str(model) and "Control" in str(model.graph)
    assert {n for n, d in model.graph.to_networkx().nodes(data=True) if d.get("kind") == "Control"} == {"loop1"}


def test_ids_that_are_embedded_inside_a_body_are_an_error() -> None:
    w = Writer(6)
    p = Weights(w)

    def cell(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        e = b.node("Gather", p("table", 7, UNITS), now[0])
        return [b.node("Tanh", b.node("Add", e, states[0]))], []

    h, = scan(w, cell, [start(w, p, "ids", 0)], ["ids"], 0, True, axes=[1])
    w.dense(h, UNITS, CLASSES, to="y")
    model = ox.load(w.model({"ids": ("N", STEPS)}, {"y": ("N", CLASSES)}, types={"ids": INT64}))
    with pytest.raises(ox.RuleError, match="integer input 'ids' becomes floating inside node"):
        ox.explain(model, np.ones((2, STEPS), np.int64), "lrp", target=0)


def test_memory_is_counted_inside_a_body() -> None:
    with pytest.raises(ox.InputError, match="max_memory"):
        ox.explain(wide(), np.ones((1, 4)), ox.Gradient(), target=0, max_memory=100_000)
    assert ox.explain(wide(), np.ones((1, 4)), ox.Gradient(), target=0, max_memory=4_000_000)["x"].values.shape == (1, 4, 1)


@cache
def wide() -> ox.Model:
    """Small outside, 200,000 values inside."""
    w = Writer(7)
    p = Weights(w)

    def step(b: Writer, i: str, states: Sequence[str]) -> tuple[list[str], list[str]]:
        z = b.node("Tanh", b.node("MatMul", states[0], p("out", 4, 50_000)))
        return [b.node("MatMul", z, p("in", 50_000, 4))], []

    w.node("Identity", loop(w, step, ["x"], 0, True, steps=2)[0], to="y")
    return ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 4)}))
