"""How If, Loop and Scan are read: branches that are always taken, bodies that hold more than layers, what is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

import onnxplain as ox

from ..engine.build import Writer, info
from ..engine.control_models import Inside, Weights, branch, loop, scan

INT64, BOOL = TensorProto.INT64, TensorProto.BOOL


def double(b: Writer) -> str:
    return b.node("Mul", "x", b.constant(2.0))


def square(b: Writer) -> str:
    return b.node("Mul", "x", "x")


def chosen(condition: Callable[[Writer], str], shape: Sequence[Any] = ("N", 3), opset: int = 17) -> ModelProto:
    w = Writer()
    branch(w, condition(w), double, square, to="y")
    return w.model({"x": shape}, {"y": shape}, opset)


def size_of(w: Writer, axis: int) -> str:
    return w.node("Gather", w.node("Shape", "x"), w.constant(axis))


CONDITIONS: dict[str, tuple[Callable[[Writer], str], str | None]] = {
    "a constant": (lambda w: w.constant(np.array(True)), "Mul_0"),
    "a constant of one element": (lambda w: w.constant(np.array([False])), "Mul_0"),
    "a size that is known": (lambda w: w.node("Equal", size_of(w, 1), w.constant(3)), "then/Mul_0"),
    "sizes that are known": (
        lambda w: w.node("Not", w.node("Greater", w.node("Slice", w.node("Shape", "x"), w.constant([1]), w.constant([2])), w.constant([2]))),
        "else/Mul_0",
    ),
    "the number of axes": (lambda w: w.node("Equal", w.node("Size", w.node("Shape", "x")), w.constant(2)), "then/Mul_0"),
    "the number of samples": (lambda w: w.node("Equal", size_of(w, 0), w.constant(2)), None),
    "a size at a place that is not known": (lambda w: w.node("Equal", w.node("Gather", w.constant([5, 5]), w.node("Mod", size_of(w, 0), w.constant(2))), w.constant(5)), None),
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_branch_that_is_always_taken_is_spliced_in(name: str) -> None:
    condition, node = CONDITIONS[name]
    model = ox.load(chosen(condition), dtype="float64", verify="always")
    nested = [n.name for n in model.graph.nodes if n.kind == "Control"]
    assert bool(nested) == (node is None)
    if node is not None:
        assert any(n.name.endswith(node) and n.kind != "Control" for n in model.graph.nodes)


def test_a_spliced_branch_may_hand_on_a_value_or_a_constant() -> None:
    w = Writer()
    b = Inside(w, "then")
    then = b.graph([], ["x", b.node("Identity", w.constant([1.0, 2.0, 3.0])), b.node("Neg", "x"), "x"])
    w.node("If", w.constant(np.array(True)), to=["a", "b", "c", "d"], then_branch=then, else_branch=then)
    w.node("Add", w.node("Mul", "a", "b"), w.node("Mul", "c", "d"), to="y")
    model = ox.load(w.model({"x": ("N", 3)}, {"y": ("N", 3)}), dtype="float64", verify="always")
    x = np.array([[1.0, -2.0, 0.5]])
    np.testing.assert_allclose(model.predict(x)["y"], x * [1, 2, 3] - x * x)
    np.testing.assert_allclose(ox.explain(model, x, ox.Gradient(), target=1)["x"].values[0, :, 0], [0, 2 + 4, 0])


def test_everything_that_is_missing_in_bodies_is_reported_at_once() -> None:
    w = Writer()
    w.node("Sneeze", "x", to="sneezed", domain="odd")
    cough = lambda b: b.node("Cough", "sneezed", domain="odd")

    def step(b: Writer, i: str, states: Sequence[str]) -> tuple[list[str], list[str]]:
        even = b.node("Equal", b.node("Mod", i, w.constant(2)), w.constant(0))
        return [branch(b, even, cough, cough)], []

    w.node("Identity", loop(w, step, ["x"], 0, True)[0], to="y")
    proto = w.model({"x": ("N", 3)}, {"y": ("N", 3)}, imports=[helper.make_opsetid("odd", 1)])
    with pytest.raises(ox.UnsupportedOpError) as caught:
        ox.load(proto)
    assert caught.value.missing == {
        "odd:Sneeze": ["Sneeze_0"],
        "odd:Cough": ["loop1/loop1if2/then/Cough_0", "loop1/loop1if2/else/Cough_0"],
    }


def test_a_loop_that_never_ends_is_refused() -> None:
    w = Writer()
    b = Inside(w, "body")
    body = b.graph(["i", "going", "s"], [b.node("Identity", "going"), b.node("Neg", "s")], {"i": INT64, "going": BOOL})
    w.node("Loop", "", "", "x", to="y", body=body, name="forever")
    with pytest.raises(ox.ModelError, match="'forever' .Loop. never ends"):
        ox.load(w.model({"x": ("N", 3)}, {"y": ("N", 3)}))


def test_a_loop_over_constants_is_a_constant() -> None:
    w = Writer()

    def step(b: Writer, i: str, states: Sequence[str]) -> tuple[list[str], list[str]]:
        return [b.node("Mul", states[0], w.constant([1.0, 2.0, 3.0]))], []

    (c,) = loop(w, step, [w.constant([1.0, 1.0, -1.0])], 0, True, steps=3)
    w.node("Mul", "x", c, to="y")
    model = ox.load(w.model({"x": ("N", 3)}, {"y": ("N", 3)}), verify="always")
    assert [n.op for n in model.graph.nodes] == ["Mul"]
    np.testing.assert_array_equal(model.predict(np.ones((1, 3)))["y"], [[1, 8, -27]])


def test_operators_that_onnx_defines_by_others_and_fusions_work_inside() -> None:
    w = Writer(3)
    p = Weights(w)

    def plain(b: Writer, states: Sequence[str], now: Sequence[str]) -> tuple[list[str], list[str]]:
        h = b.node("Add", b.node("MatMul", now[0], p("x", 4, 5)), p("b", 5))
        h = b.node("Add", b.batch_norm(b.dense(h, 5, 5), 5), states[0])
        return [b.node("Celu", b.node("Mul", h, b.node("Sigmoid", h)), alpha=0.7)], []

    w.node("Identity", scan(w, plain, ["h"], ["x"], 0, True)[0], to="y")
    model = ox.load(w.model({"x": (3, "N", 4), "h": ("N", 5)}, {"y": ("N", 5)}), dtype="float64", verify="always")
    inside = [n.op for n in model.graph.every_node()][1:]
    assert "BatchNormalization" not in inside and "Swish" in inside and "Celu" in inside
    assert "BatchNormalization" in [n.op for n in model.raw.every_node()]
    assert "BatchNormalization" in [n.op for n in model.graph_with((), merged=False).every_node()]


def test_the_scan_of_opset_8_runs_for_each_sample() -> None:
    w = Writer(4)
    b = Inside(w, "body")
    s = b.node("Tanh", b.node("Add", b.node("Mul", "s", w.constant(0.5)), "x"))
    body = helper.make_graph(b.nodes, "body", [info("s", (3,)), info("x", (3,))], [info(s, (3,)), info("out", (3,))])
    body.node.append(helper.make_node("Mul", [s, s], ["out"], name="last"))
    x, h = np.random.default_rng(0).standard_normal((2, 2, 4, 3))
    outer = helper.make_node("Scan", ["", "h", "x"], ["end", "all"], name="scan", body=body, num_scan_inputs=1, directions=[1])
    graph = helper.make_graph([outer], "g", [info("h", ("N", 3)), info("x", ("N", 4, 3))], [info("end", ("N", 3)), info("all", ("N", 4, 3))], w.initializers)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 8)], ir_version=4)
    model = ox.load(proto, dtype="float64", verify="always")
    made = model.predict({"h": h[:, 0], "x": x})
    state, rows = h[:, 0], []
    for k in reversed(range(4)):
        state = np.tanh(state * 0.5 + x[:, k])
        rows.append(state**2)
    np.testing.assert_allclose(made["end"], state)
    np.testing.assert_allclose(made["all"], np.stack(rows, 1))
    e = ox.explain(model, {"h": h[:, 0], "x": x}, ox.DeepLift(), target={"end": "all"})
    np.testing.assert_allclose(e.sums["end"], e.goals["end"], atol=1e-12)
    step = 1e-6
    for axis, unit in ((0, 1), (3, 2)):
        moved = x.copy()
        moved[:, axis, unit] += step
        slope = (model.predict({"h": h[:, 0], "x": moved})["end"] - made["end"])[:, unit] / step
        g = ox.explain(model, {"h": h[:, 0], "x": x}, ox.Gradient(), target={"end": unit})["x"].values
        np.testing.assert_allclose(g[:, axis, unit, 0], slope, rtol=1e-4)


def test_nodes_of_a_body_may_stand_in_any_order_and_ends_may_lack_types() -> None:
    w = Writer()
    nodes = [helper.make_node("Add", ["late", "s"], ["on"]), helper.make_node("Mul", ["x", "s"], ["late"])]
    body = helper.make_graph(nodes, "b", [info("i", (), INT64), info("going", (), BOOL), helper.make_empty_tensor_value_info("s")], [helper.make_empty_tensor_value_info(v) for v in ("going", "on")])
    w.nodes.append(helper.make_node("Loop", ["times", "", "x"], ["y"], body=body, name="loop"))
    w.constant(2, "times")
    model = ox.load(w.model({"x": ("N", 3)}, {"y": ("N", 3)}), dtype="float64", verify="never")
    x = np.array([[0.5, -1.0, 2.0]])
    np.testing.assert_allclose(model.predict(x)["y"], x * (1 + x) ** 2)
    np.testing.assert_allclose(np.diagonal(ox.explain(model, x, ox.Gradient(), target="all")["x"].values[0]), ((1 + x) ** 2 + 2 * x * (1 + x))[0])


def test_a_model_can_be_cut_beside_a_loop() -> None:
    w = Writer()
    w.node("Tanh", "x", to="before")

    def step(b: Writer, i: str, states: Sequence[str]) -> tuple[list[str], list[str]]:
        return [b.node("Mul", states[0], "before")], []

    (h,) = loop(w, step, ["before"], 0, True, steps=2)
    w.node("Exp", h, to="y")
    model = ox.load(w.model({"x": ("N", 3)}, {"y": ("N", 3)}), inputs=["before"], outputs=[h], dtype="float64", verify="always")
    x = np.array([[2.0, -3.0, 0.5]])
    np.testing.assert_allclose(model.predict(x)[h], x**3)
    e = ox.explain(model, x, ox.Gradient(), target=1)
    np.testing.assert_allclose(e["before"].values[0, :, 0], [0, 27, 0])
