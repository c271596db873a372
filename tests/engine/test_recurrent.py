"""Explanations through LSTM, GRU and RNN: gradients, DeepLIFT, LRP, lengths, and many steps."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from onnx import numpy_helper

import onnxplain as ox
from onnxplain.graph.control import Scan
from onnxplain.graph.control.together import ROWS, Together
from onnxplain.methods.base import Method
from onnxplain.rules import Half, Signal, Zero

from ..promises import audit_accounts
from .build import Writer
from .recurrent_models import CLASSES, FEATURES, UNITS, load, lrp, module, network
from .table import arrays

STEPS, SAMPLES = 7, 3
OPS = ("LSTM", "GRU", "RNN")
EXACT = {"Affine": Zero(), "Additive": Zero()}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


@cache
def model(op: str, layers: int = 1, both: bool = False, lengths: bool = False) -> ox.Model:
    return load(network(module(op, layers, both), lengths)[0])


METHODS: dict[str, Method] = {
    "gradient": ox.Gradient(),
    "lrp": ox.LRP(),
    "lrp_half": ox.LRP(ox.EpsilonPlus(gates="half")),
    "lrp_alpha_beta": ox.LRP(ox.AlphaBeta(2, 1)),
    "lrp_ignore": ox.LRP(ox.AttnLRP(bias="ignore")),
    "lrp_proportional": ox.LRP({"gate": ox.rules.Proportional()}),
    "deeplift": ox.DeepLift(),
    "deeplift_reveal_cancel": ox.DeepLift(rule="reveal_cancel"),
    "integrated_gradients": ox.IntegratedGradients(n_steps=5),
}


@pytest.mark.parametrize("op", OPS)
def test_the_gradient_through_two_layers_both_ways_is_autograds(op: str) -> None:
    cell = module(op, 2, True)
    _, dense = network(cell)
    x = normal(STEPS, SAMPLES, FEATURES)
    e = ox.explain(model(op, 2, True), x, ox.Gradient(), target="all")
    leaf = torch.from_numpy(x).requires_grad_()
    y = cell.double()(leaf)[0].sum(0) @ torch.from_numpy(dense).double().T
    for k in range(CLASSES):
        (expected,) = torch.autograd.grad(y[:, k].sum(), leaf, retain_graph=True)
        np.testing.assert_allclose(e["x"].values[..., k].swapaxes(0, 1), expected.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", OPS)
def test_the_gradient_of_sequences_of_different_lengths_is_that_of_packed_ones(op: str) -> None:
    cell = module(op, 2, True)
    _, dense = network(cell)
    x, lengths = normal(STEPS, SAMPLES, FEATURES), np.array([4, 7, 2], np.int32)
    e = ox.explain(model(op, 2, True, True), {"x": x, "lengths": lengths}, ox.Gradient(), target=1)
    leaf = torch.from_numpy(x).requires_grad_()
    packed = torch.nn.utils.rnn.pack_padded_sequence(leaf, torch.from_numpy(lengths).long(), enforce_sorted=False)
    every, _ = torch.nn.utils.rnn.pad_packed_sequence(cell.double()(packed)[0])
    y = every.sum(0) @ torch.from_numpy(dense).double().T
    (expected,) = torch.autograd.grad(y[:, 1].sum(), leaf)
    np.testing.assert_allclose(e["x"].values[..., 0].swapaxes(0, 1), expected.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", ["lrp", "deeplift"])
def test_a_shorter_sequence_among_others_is_explained_as_it_is_alone(op: str, name: str) -> None:
    m, x, lengths = model(op, 2, True, True), normal(STEPS, SAMPLES, FEATURES), np.array([4, 7, 2], np.int32)
    method = ox.LRP() if name == "lrp" else ox.DeepLift()
    values = ox.explain(m, {"x": x, "lengths": lengths}, method, target=2)["x"].values
    for k, n in enumerate(lengths):
        alone = ox.explain(model(op, 2, True), x[:n, k : k + 1], method, target=2)["x"].values
        np.testing.assert_allclose(values[k, :n], alone[0], rtol=1e-10, atol=1e-12)
        assert not values[k, n:].any()


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("rule", ["rescale", "reveal_cancel"])
def test_deeplift_is_complete_from_a_baseline_that_is_not_zero(op: str, rule: str) -> None:
    method = ox.DeepLift(baseline=normal(STEPS, 1, FEATURES, seed=5), rule=rule)
    e = ox.explain(model(op, 2, True), normal(STEPS, SAMPLES, FEATURES), method, target="all")
    np.testing.assert_allclose(e.sums["out"], e.goals["out"], rtol=0, atol=1e-12 * np.abs(e.goals["out"]).max())


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", ["gradient", "lrp", "deeplift"])
def test_a_thousand_steps_in_single_precision(op: str, name: str) -> None:
    m = load(network(module(op, units=16))[0], "float32")
    x = normal(1000, 2, FEATURES).astype(np.float32)
    method = METHODS[name] if name != "deeplift" else ox.DeepLift(baseline=0.2 * x[:, :1])
    e = ox.explain(m, x, method, target=0)
    assert np.isfinite(e["x"].values).all() and np.abs(e["x"].values).max() > 0
    if name == "deeplift":
        spread = np.abs(e["x"].values).sum((1, 2))  # what is added up in single precision
        assert (np.abs(e.sums["out"] - e.goals["out"]) <= 1e-6 * spread).all()


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no_bias"])
def test_lrp_is_what_arras_et_al_define(op: str, bias: bool) -> None:
    proto, _ = network(module(op, bias=bias), head=False)
    x = normal(STEPS, 2, FEATURES, seed=2)
    values = ox.explain(load(proto), x, ox.LRP(EXACT), target="all")["x"].values
    for sample in range(2):
        for unit in range(UNITS):
            expected = lrp(proto, x[:, sample], unit)
            np.testing.assert_allclose(
                values[sample, ..., unit], expected, rtol=1e-8, atol=1e-10 * np.abs(expected).max()
            )


def test_lrp_through_a_gru_that_resets_first_is_what_arras_et_al_define() -> None:
    proto, _ = network(module("GRU"), head=False)
    (reset,) = (a for n in proto.graph.node for a in n.attribute if a.name == "linear_before_reset")
    reset.i = 0
    x = normal(STEPS, 1, FEATURES, seed=2)
    values = ox.explain(load(proto), x, ox.LRP(EXACT), target=3)["x"].values
    np.testing.assert_allclose(values[0, ..., 0], lrp(proto, x[:, 0], 3), rtol=1e-8)


# a GRU's 1 − z has a constant of its own, which takes a share of what comes to it
@pytest.mark.parametrize(
    ("op", "gates"), [(op, g) for op in OPS for g in ("signal", "half") if (op, g) != ("GRU", "half")]
)
def test_relevance_is_conserved_without_biases(op: str, gates: Any) -> None:
    m = load(network(module(op, 2, True, bias=False))[0])
    composite = ox.rules.Composite((("Affine", Zero()), ("Additive", Zero()), *ox.rules.default_rows(gates=gates)))
    e = ox.explain(m, normal(STEPS, SAMPLES, FEATURES), ox.LRP(composite), target=0)
    np.testing.assert_allclose(e.sums["out"], e.predictions["out"], rtol=1e-8)


def test_gates_are_constants_unless_asked_otherwise() -> None:
    m = model("LSTM", 2, True)
    rules = lambda c: {r["rule"] for r in m.coverage(ox.LRP(c)).to_dict("records") if r["operator"] == "Gate"}
    assert rules("epsilon_plus") == {repr(Signal(gate=0, strict=True))}
    assert rules(ox.AttnLRP(product="proportional")) == {repr(Signal(gate=0, strict=True))}
    assert rules(ox.EpsilonPlus(gates="half")) == {repr(Half())}
    with pytest.raises(ox.RuleError, match="gates is one of 'signal', 'half', got 'all'"):
        ox.EpsilonPlus(gates="all")  # type: ignore[arg-type]


def test_in_a_cell_that_is_written_out_one_minus_a_gate_is_a_gate() -> None:
    w = Writer(2)
    z = w.node("Sigmoid", w.dense("x", 4, 5))
    candidate = w.node("Tanh", w.dense("x", 4, 5))
    rest = w.node("Sub", w.constant(np.float32(1)), z)
    w.node(
        "Add", w.node("Mul", rest, candidate, name="written"), w.node("Mul", w.dense("x", 4, 5), z, name="kept"), to="y"
    )
    m = ox.load(w.model({"x": ("n", 4)}, {"y": ("n", 5)}), dtype="float64")
    rules = {r["node"]: r["rule"] for r in m.coverage(ox.LRP(ox.AttnLRP(product="signal"))).to_dict("records")}
    assert rules["written"] == repr(Signal(gate=0)) and rules["kept"] == repr(Signal(gate=1))


def test_a_gate_takes_nothing_of_a_first_state_that_is_constant() -> None:
    proto, _ = network(module("LSTM"), head=False)
    cell = next(n for n in proto.graph.node if n.op_type == "LSTM")
    start = numpy_helper.from_array(normal(1, 1, UNITS, seed=4).astype(np.float32), "start")
    proto.graph.initializer.append(start)
    cell.input.extend(["", "start", "start"])
    e = ox.explain(load(proto, verify="never"), normal(1, SAMPLES, FEATURES), ox.LRP(EXACT), target="all")
    w = next(numpy_helper.to_array(t) for t in proto.graph.initializer if t.name == "weights_i0")[0].astype(float)
    # the candidate alone: columns of gates would be blocks 0 to 2
    x, start_h = normal(1, SAMPLES, FEATURES)[0], numpy_helper.to_array(start)[0, 0].astype(float)
    r, b = (
        next(numpy_helper.to_array(t) for t in proto.graph.initializer if t.name == v)[0].astype(float)
        for v in ("weights_h0", "b0")
    )
    z = x @ w.T + start_h @ r.T + b.reshape(2, -1).sum(0)
    i, o, f, g = np.split(z, 4, 1)
    s = lambda v: 1 / (1 + np.exp(-v))
    c = s(f) * start_h + s(i) * np.tanh(g)
    at_g = s(o) * np.tanh(c) * s(i) * np.tanh(g) / c
    expected = np.einsum("nf,hf,nh->nfh", x, w[3 * UNITS :], at_g / g)
    np.testing.assert_allclose(e["x"].values[:, 0], expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("lengths", [False, True], ids=["whole", "lengths"])
@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_steps_made_ready_at_once_are_walked_as_one_by_one(
    op: str, name: str, lengths: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    m = model(op, 1, True, lengths)
    data: dict[str, Any] = {"x": normal(STEPS, SAMPLES, FEATURES)}
    data |= {"lengths": np.array([4, 7, 2], np.int32)} if lengths else {}
    explained = lambda: arrays(ox.explain(m, data, METHODS[name], target="all"))
    scans = [n.layer for n in m.graph.every_node() if isinstance(n.layer, Scan)]
    assert scans and all(s.by_rows for s in scans)
    monkeypatch.setattr("onnxplain.graph.control.steps.ROWS", 2 * SAMPLES)  # two steps at a time
    at_once = explained()
    for s in scans:
        monkeypatch.setattr(s, "by_rows", False)
    for key, expected in explained().items():
        largest = np.nan_to_num(np.abs(expected)).max()
        np.testing.assert_allclose(at_once[key], expected, rtol=1e-10, atol=1e-12 * largest, err_msg=str(key))


def test_only_so_many_steps_are_in_memory_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Watched(Together):
        def __init__(self, plan: Any, start: int, values: Any, values0: Any) -> None:
            made.append(len(values) * values[0][0].shape[0])
            super().__init__(plan, start, values, values0)

    monkeypatch.setattr("onnxplain.graph.control.steps.Together", Watched)
    ox.explain(model("RNN"), normal(900, SAMPLES, FEATURES), ox.Gradient(), target=0)
    assert sum(made) == 899 * SAMPLES and max(made) <= ROWS  # the first step's state is constant: a plan of its own


@pytest.mark.parametrize("op", OPS)
@pytest.mark.parametrize("name", ["gradient", "lrp", "deeplift"])
def test_all_targets_and_all_samples_at_once_equal_one_at_a_time(op: str, name: str) -> None:
    m, x = model(op, 2, True), normal(STEPS, SAMPLES, FEATURES)
    together = ox.explain(m, x, METHODS[name], target="all")["x"].values
    parts = ox.explain(m, x, METHODS[name], target="all", chunk_size=(2, 1))["x"].values
    np.testing.assert_allclose(parts, together, rtol=1e-10, atol=1e-12)
    for k in range(CLASSES):
        one = ox.explain(m, x[:, 1:2], METHODS[name], target=k)["x"].values[0, ..., 0]
        np.testing.assert_allclose(one, together[1, ..., k], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("op", OPS)
def test_the_audit_accounts_for_what_biases_took(op: str) -> None:
    e = ox.explain(model(op, 2, True), normal(STEPS, SAMPLES, FEATURES), ox.LRP(), target="all")
    audit_accounts(e)
    assert any(r["node"].startswith("cell0/forward/") for r in e.audit_rows)


def test_smoothgrad_and_expected_gradients_run_through_time() -> None:
    m, x = model("LSTM", 1, True), normal(STEPS, SAMPLES, FEATURES)
    for method in (ox.SmoothGrad(n_samples=3), ox.ExpectedGradients(data_ref=x, n_samples=4), ox.DeepShap(data_ref=x)):
        e = ox.explain(m, x, method, target=0, seed=1)
        assert e["x"].values.shape == (SAMPLES, STEPS, FEATURES, 1) and np.abs(e["x"].values).max() > 0


def test_steps_that_lie_one_after_the_other_are_joined_without_a_copy() -> None:
    from torch._subclasses import FakeTensorMode

    from onnxplain.graph.control.together import _one_after_the_other

    x = torch.randn(4, 3, 2)
    joined = _one_after_the_other(x.unbind(0))
    assert torch.equal(joined, x.flatten(0, 1))
    assert joined.data_ptr() == x.data_ptr()
    turned = x.flip(0)
    assert torch.equal(_one_after_the_other(list(x.unbind(0))[::-1]), turned.flatten(0, 1))
    with FakeTensorMode() as fake:  # as while plans are traced
        assert _one_after_the_other(fake.from_tensor(x).unbind(0)).shape == (12, 2)
