"""Composites give every node the rule that is meant, or say which nodes have none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from onnxplain.errors import RuleError
from onnxplain.graph.graph import Graph
from onnxplain.layers.kinds import Affine, Elementwise
from onnxplain.rules import (
    CPLRP,
    Adjoint,
    AlphaBeta,
    AttnLRP,
    Composite,
    ConnectionWeights,
    Constant,
    Depth,
    Epsilon,
    EpsilonAlpha2Beta1,
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
    ExcitationBackprop,
    First,
    Flat,
    Gamma,
    Half,
    Last,
    Norm,
    Pass,
    PresetA,
    PresetB,
    Proportional,
    ShareByValue,
    Signal,
    TaylorSoftmax,
    WinnerTakesAll,
    ZBox,
    Zero,
    ZPlus,
    composite_from,
    everywhere,
)

from .graphs import explain, graph, node, rules
from .sites import built, golden
from .test_sharing import random

GOLDEN = golden()


def conv(o: int, i: int, seed: int = 0) -> Any:
    return built("Conv", {"pads": [1, 1, 1, 1]}, None, random(o, i, 3, 3, seed=seed) / 3, random(o, seed=seed + 50))


def dense(i: int, o: int, seed: int = 0) -> Any:
    return built("Gemm", {}, None, random(i, o, seed=seed), random(o, seed=seed + 50))


@pytest.fixture
def residual() -> Graph:
    """x → conv1 → relu → conv2 → + (x through a scale) → pool → mean → dense → out."""
    return graph(
        [
            node("block/conv1", "Conv", conv(2, 2, 1), "x", "a"),
            node("block/relu", "Relu", built("Relu", {}, None), "a", "b"),
            node("block/conv2", "Conv", conv(2, 2, 2), "b", "c"),
            node("scale", "Mul", built("Mul", {}, None, random(2, 1, 1)), "x", "d"),
            node("add", "Add", built("Add", {}, None, None), "c d", "e"),
            node("pool", "MaxPool", built("MaxPool", {"kernel_shape": [2, 2]}, None), "e", "f"),
            node("mean", "GlobalAveragePool", built("GlobalAveragePool", {}, None), "f", "g"),
            node("flat", "Flatten", built("Flatten", {}, None), "g", "h"),
            node("head", "Gemm", dense(2, 3), "h", "out"),
        ]
    )


def test_the_defaults_have_a_row_for_every_kind(residual: Graph) -> None:
    assert rules(EpsilonPlus(), residual) == {
        "block/conv1": ZPlus(),
        "block/relu": Pass(),
        "block/conv2": ZPlus(),
        "scale": Pass(),
        "add": Epsilon(),
        "pool": WinnerTakesAll(),
        "mean": Norm(),
        "flat": Adjoint(),
        "head": Epsilon(),
    }


@pytest.mark.parametrize(
    ("composite", "first", "second", "head"),
    [
        (EpsilonPlus(0.1, bias="ignore"), ZPlus("ignore"), ZPlus("ignore"), Epsilon(0.1, "ignore")),
        # the scaled input skips both convolutions: on that path the head is the first layer
        (EpsilonPlusFlat(), Flat(), ZPlus(), Flat()),
        (EpsilonAlpha2Beta1(), AlphaBeta(2, 1), AlphaBeta(2, 1), Epsilon()),
        (EpsilonAlpha2Beta1Flat(), Flat(), AlphaBeta(2, 1), Flat()),
        (ExcitationBackprop(), ZPlus("ignore"), ZPlus("ignore"), ZPlus("ignore")),
        (PresetA(), AlphaBeta(1, 0), AlphaBeta(1, 0), Epsilon(0.1)),
        (PresetB(), AlphaBeta(2, 1), AlphaBeta(2, 1), Epsilon(0.1)),
        (AttnLRP(), Epsilon(), Epsilon(), Epsilon()),
        (composite_from(Gamma(0.5)), Gamma(0.5), Gamma(0.5), Gamma(0.5)),
        (composite_from("epsilon_plus_flat"), Flat(), ZPlus(), Flat()),
        (composite_from("AlphaBeta"), AlphaBeta(), AlphaBeta(), AlphaBeta()),
        (composite_from({"Conv": Flat(), "head": Zero()}), Flat(), Flat(), Zero()),
        (composite_from({"block/*2": Flat()}), Epsilon(), Flat(), Epsilon()),
        (composite_from({"dense": Flat()}), Epsilon(), Epsilon(), Flat()),
        (composite_from([(Last(), Flat())]), Epsilon(), Epsilon(), Flat()),
        (composite_from([(Depth(1, 2), Flat())]), Epsilon(), Flat(), Epsilon()),
        (composite_from([(Depth(-2), Flat())]), Epsilon(), Flat(), Flat()),
        (composite_from([(("convolution", Depth(1)), Flat())]), Epsilon(), Flat(), Epsilon()),
        (composite_from([(lambda n: n.name.endswith("1"), Flat())]), Flat(), Epsilon(), Epsilon()),
        (composite_from([(Affine, Flat()), ("Conv", Zero())]), Flat(), Flat(), Flat()),
    ],
    ids=lambda v: repr(v).split(" at 0x")[0],  # an address would differ between worker processes
)
def test_rows_reach_the_nodes_they_name(
    composite: Composite, first: Any, second: Any, head: Any, residual: Graph
) -> None:
    found = rules(composite, residual)
    assert (found["block/conv1"], found["block/conv2"]) == (first, second)
    assert found["head"] == head


def test_a_first_layer_is_first_on_some_path_from_an_input_wherever_it_stands_in_the_file() -> None:
    g = graph(
        [
            node("deep", "Gemm", dense(3, 3, 1), "x", "a"),
            node("deeper", "Gemm", dense(3, 3, 2), "a", "b"),
            node("side", "Gemm", dense(3, 3, 3), "z", "c"),
            node("sum", "Add", built("Add", {}, None, None), "b c", "d"),
            node("out", "Gemm", dense(3, 2, 4), "d"),
        ],
        inputs="x z",
    )
    found = rules(Composite(((First(), Flat()), (Last(), Zero()), ("Affine", Epsilon()), ("Additive", Norm()))), g)
    assert found == {"deep": Flat(), "deeper": Epsilon(), "side": Flat(), "sum": Norm(), "out": Zero()}


def test_a_single_rule_takes_every_layer_it_is_defined_for_but_scales(residual: Graph) -> None:
    found = rules(composite_from(Epsilon(0.5)), residual)
    assert found["add"] == found["mean"] == found["head"] == Epsilon(0.5)
    assert found["scale"] == Pass()


def test_options_choose_the_default_rows() -> None:
    g = graph(
        [
            node("pool", "ReduceMax", built("ReduceMax", {}, None, torch.tensor([-1])), "x"),
            node("soft", "Softmax", built("Softmax", {}, None), "pool"),
            node("mul", "Mul", built("Mul", {}, None, None), "soft x"),
        ]
    )
    made = rules(EpsilonPlus(winner_takes_all=False, softmax="constant", product="proportional"), g)
    assert made == {"pool": ShareByValue(), "soft": Constant(), "mul": Proportional()}
    assert rules(EpsilonPlus(), g) == {"pool": WinnerTakesAll(), "soft": TaylorSoftmax(), "mul": Half()}
    assert rules(composite_from("attn_lrp", product="signal"), g)["mul"] == Signal(gate=0)


@pytest.mark.parametrize(
    ("gated", "gate"),
    [("Sigmoid", 1), ("HardSigmoid", 1), ("Softmax", 1), ("Gelu", 1), ("Mish", 1), ("Relu", 1), ("LogSoftmax", None), ("Tanh", None)],
)
def test_a_gate_is_found_in_the_graph_through_operators_that_move_values(gated: str, gate: int | None) -> None:
    g = graph(
        [
            node("gate", gated, built(gated, {}, None), "x"),
            node("turn", "Transpose", built("Transpose", {"perm": [1, 0]}, None), "gate"),
            node("back", "Transpose", built("Transpose", {"perm": [1, 0]}, None), "turn"),
            node("mul", "Mul", built("Mul", {}, None, None), "x back"),
        ]
    )
    assert rules(composite_from({"Product": Signal()}), g)["mul"] == Signal(gate=gate)
    assert rules(CPLRP(), g)["mul"] == Signal(gate=gate)


def test_a_gate_in_the_unit_interval_comes_before_an_activation_and_of_two_activations_none_is_the_gate() -> None:
    def gate(first: str, second: str) -> int | None:
        nodes = [node("a", first, built(first, {}, None), "x"), node("b", second, built(second, {}, None), "x")]
        rule = rules(CPLRP(), graph([*nodes, node("mul", "Mul", built("Mul", {}, None, None), "a b")]))["mul"]
        assert isinstance(rule, Signal)
        return rule.gate

    assert (gate("Gelu", "Tanh"), gate("Relu", "Sigmoid"), gate("Mish", "Gelu"), gate("Sigmoid", "Sigmoid")) == (0, 1, None, None)


def test_all_nodes_without_a_row_are_named_at_once(residual: Graph) -> None:
    with pytest.raises(RuleError) as error:
        rules(Composite((("Affine", Epsilon()), (Elementwise, Half()))), residual)
    text = str(error.value)
    assert "4 of 9 nodes" in text
    for part in ("'add' (Add, Additive) has no row", "'pool' (MaxPool, Pooling) has no row", "'flat' (Flatten, Rout"):
        assert part in text
    assert "'block/relu' (Relu, Elementwise) gets Half(epsilon=1e-06)" in text and "defined for Product only" in text


def test_coverage_says_of_each_node_its_rule_or_why_not(residual: Graph) -> None:
    found = Composite((("Affine", Epsilon()),)).coverage(residual, residual.nodes, residual.active(["x"]))
    assert found["head"] == Epsilon() and found["pool"] == "has no row"
    assert set(found) == {n.name for n in residual.nodes}


def test_a_method_without_a_row_for_a_kind_is_an_error_before_any_work() -> None:
    g = graph([node("mul", "Mul", built("Mul", {}, None, None), "x x")])
    with pytest.raises(RuleError, match=r"'mul' \(Mul, Product\) gets ConnectionWeights\(\)"):
        rules(everywhere(ConnectionWeights()), g)


def test_a_row_that_names_nothing_is_an_error(residual: Graph) -> None:
    with pytest.raises(RuleError, match="'Cnov' names no kind .* its operators are Add, Conv, Flatten"):
        rules(composite_from({"Cnov": ZPlus()}), residual)


def test_a_row_for_an_operator_the_model_lacks_is_no_error(residual: Graph) -> None:
    assert rules(composite_from({"ConvTranspose": ZPlus()}), residual)["head"] == Epsilon()


def test_nodes_off_the_path_get_no_rule(residual: Graph) -> None:
    found = EpsilonPlus().assign(residual, residual.nodes, frozenset({"d", "e", "f", "g", "h", "out"}))
    assert set(found) == {"add", "pool", "mean", "flat", "head"}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: composite_from("epsilonplu"), "no composite or rule is called 'epsilonplu'; there are EpsilonPlus, "),
        (lambda: composite_from("epsilon_gamma_box"), "EpsilonGammaBox needs low and high: write EpsilonGammaBox"),
        (lambda: composite_from({"Conv": "zplus"}), "the row for 'Conv' needs a rule, such as Epsilon"),
        (lambda: EpsilonPlus(product="all"), "product is one of 'half', 'signal', 'proportional', got 'all'"),
        (lambda: composite_from(EpsilonPlus(), softmax="constant"), "give softmax='constant' to the composite itself"),
    ],
)
def test_wrong_composites_are_errors(make: Callable[[], Composite], message: str) -> None:
    with pytest.raises(RuleError, match=message):
        make()


def test_an_option_at_its_default_may_be_given_with_a_finished_composite() -> None:
    composite = EpsilonPlus()
    assert composite_from(composite, winner_takes_all=True) is composite


def test_composites_print_as_they_were_written() -> None:
    assert repr(EpsilonPlus()) == "EpsilonPlus(epsilon=1e-06)"
    assert repr(EpsilonGammaBox(-1, 1, bias="ignore")) == (
        "EpsilonGammaBox(low=-1, high=1, epsilon=1e-06, gamma=0.25, bias='ignore')"
    )
    assert repr(composite_from(Zero())) == "Zero(bias='absorb')"
    assert repr(Composite((("Affine", Flat()),))) == "Composite(rows=(('Affine', Flat(stabilizer=1e-06)),))"


# whole networks against zennit


def cnn() -> Graph:
    """The network of the golden arrays."""
    p = {k.removeprefix("cnn/in/"): v for k, v in GOLDEN.items() if k.startswith("cnn/in/")}
    padded = {"pads": [1, 1, 1, 1]}

    def relu(value: str) -> Any:
        return node(f"r_{value}", "Relu", built("Relu", {}, None), value)

    def pool(op: str, value: str) -> Any:
        return node(op, op, built(op, {"kernel_shape": [2, 2], "strides": [2, 2]}, None), value)

    return graph(
        [
            node("conv0", "Conv", built("Conv", padded, None, p["0.weight"], p["0.bias"]), "x"),
            relu("conv0"),
            node("conv2", "Conv", built("Conv", padded, None, p["2.weight"], p["2.bias"]), "r_conv0"),
            relu("conv2"),
            pool("MaxPool", "r_conv2"),
            node("conv5", "Conv", built("Conv", {}, None, p["5.weight"], p["5.bias"]), "MaxPool"),
            relu("conv5"),
            pool("AveragePool", "r_conv5"),
            node("flat", "Flatten", built("Flatten", {}, None), "AveragePool"),
            node("fc9", "Gemm", built("Gemm", {"transB": 1}, None, p["9.weight"], p["9.bias"]), "flat"),
            relu("fc9"),
            node("fc11", "Gemm", built("Gemm", {"transB": 1}, None, p["11.weight"], p["11.bias"]), "r_fc9"),
        ]
    )


def seed_of(f: Tensor, unit: int) -> Tensor:
    return torch.where(torch.arange(f.shape[1]) == unit, f, 0.0)[None]


@pytest.mark.parametrize(
    ("name", "composite"),
    [
        ("EpsilonPlus", EpsilonPlus()),
        ("EpsilonPlusFlat", EpsilonPlusFlat()),
        ("EpsilonAlpha2Beta1", EpsilonAlpha2Beta1()),
        ("EpsilonAlpha2Beta1Flat", EpsilonAlpha2Beta1Flat()),
        ("EpsilonGammaBox", EpsilonGammaBox(low=-3.0, high=3.0)),
        ("EpsilonPlus_nobias", EpsilonPlus(bias="ignore")),
        ("EpsilonGammaBox_nobias", EpsilonGammaBox(low=-3.0, high=3.0, bias="ignore")),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_a_composite_on_a_network_equals_zennit(name: str, composite: Composite) -> None:
    x, f = GOLDEN["cnn/in/x"], GOLDEN["cnn/in/f"]
    (pulled,) = explain(composite, cnn(), {"x": x}, seed_of(f, 1))["x"]
    expected = GOLDEN[f"cnn/zennit/{name}/target1"]
    torch.testing.assert_close(pulled, expected, rtol=0, atol=1e-9 * float(expected.abs().max()))


def test_captums_default_on_a_network() -> None:
    captum = Composite(
        (
            ("Affine", Epsilon(1e-9)),
            ("Pooling", WinnerTakesAll(1e-9)),
            ("Elementwise", Pass()),
            ("Routing", Adjoint()),
        )
    )
    x, f = GOLDEN["cnn/in/x"], GOLDEN["cnn/in/f"]
    (pulled,) = explain(captum, cnn(), {"x": x}, seed_of(f, 1))["x"]
    expected = GOLDEN["cnn/captum/LRP_default/target1"]
    # captum's Flatten is under an ε-rule as well, which takes up to 1e-9 / |value|
    torch.testing.assert_close(pulled, expected, rtol=0, atol=1e-6 * float(expected.abs().max()))


def test_boxes_in_rows_keep_their_numbers(residual: Graph) -> None:
    found = rules(EpsilonGammaBox(-2.0, 2.0, gamma=0.5), residual)
    assert isinstance(found["block/conv1"], ZBox) and found["block/conv1"].low == -2.0
    assert found["block/conv2"] == Gamma(0.5)
