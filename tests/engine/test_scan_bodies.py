"""Bodies of a Scan drawn at random: steps made ready at once are walked as one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from onnx import helper

import onnxplain as ox
from onnxplain.graph.control import Scan

from .build import Writer, info
from .table import arrays

STEPS, SAMPLES, INPUTS, UNITS, OUTPUTS = 6, 3, 3, 4, 2
METHODS: dict[str, Any] = {
    "gradient": "gradient",
    "lrp": "lrp",
    "epsilon": ox.LRP("epsilon"),
    "signal": ox.LRP(ox.EpsilonPlus(product="signal")),
    "attention": ox.LRP(ox.AttnLRP()),
    "deeplift": ox.DeepLift(),
    "reveal_cancel": ox.DeepLift(rule="reveal_cancel"),
}


class Drawn:
    """A body's nodes over values with a number of units each; `middle`: axes between samples and units."""

    def __init__(self, seed: int, middle: tuple[int, ...]) -> None:
        self.w, self.middle = Writer(seed), middle
        self.draw = self.w.random.integers
        self.values = [("h", UNITS), ("x", INPUTS)]
        self.values.append((self.w.node("MatMul", "x", self.w.weight(INPUTS, UNITS)), UNITS))

    def value(self, units: int | None = None) -> tuple[str, int]:
        some = [v for v in self.values if units in (None, v[1])]
        return some[int(self.draw(len(some)))]

    def step(self) -> None:
        (v, n), w = self.value(), self.w
        writers: list[Callable[[], Any]] = [
            lambda: [(w.node("MatMul", v, w.weight(n, UNITS)), UNITS)],
            lambda: [(w.node(["Add", "Sub", "Mul"][self.draw(3)], v, self.value(n)[0]), n)],
            lambda: [(w.node(["Tanh", "Sigmoid", "Relu", "LeakyRelu", "Neg"][self.draw(5)], v), n)],
            lambda: [(w.node(["Add", "Mul"][self.draw(2)], v, w.weight(n)), n)],
            lambda: self.cut(v, n) if n > 1 else [],
            lambda: self.beside(v, n, *self.value()),
            lambda: [(w.node("Mul", v, one), n) for one, size in self.values[-3:] if size == 1],
        ]
        self.values += writers[self.draw(len(writers))]()

    def cut(self, v: str, n: int) -> list[tuple[str, int]]:
        first = int(self.draw(1, n))
        axis = [-1, 1 + len(self.middle)][self.draw(2)]
        to = [f"{v}_{len(self.w.nodes)}_{k}" for k in range(2)]
        self.w.node("Split", v, self.w.constant([first, n - first]), to=to, axis=axis)
        return list(zip(to, (first, n - first), strict=True))

    def beside(self, v: str, n: int, other: str, m: int) -> list[tuple[str, int]]:
        return [(self.w.node("Concat", v, other, axis=-1), n + m)]


def model(seed: int, middle: tuple[int, ...]) -> ox.Model:
    body = Drawn(seed, middle)
    for _ in range(int(body.draw(4, 14))):
        body.step()
    made, units = body.value()
    body.w.node("Tanh", body.value(UNITS)[0], to="h'")
    body.w.node("Identity", made, to="y'")
    at = lambda n: ["n", *middle, n]
    ends = ([info("h", at(UNITS)), info("x", at(INPUTS))], [info("h'", at(UNITS)), info("y'", at(units))])
    graph = helper.make_graph(body.w.nodes, "body", *ends, body.w.initializers)
    w = Writer(seed + 1)
    last, every = w.node("Scan", "h0", "xs", to=["last", "every"], body=graph, num_scan_inputs=1)
    summed = w.node("ReduceSum", every, w.constant([0]), keepdims=0)
    parts = [w.node("MatMul", last, w.weight(UNITS, OUTPUTS)), w.node("MatMul", summed, w.weight(units, OUTPUTS))]
    both = w.node("Add", *parts)
    if middle:
        both = w.node("ReduceSum", both, w.constant([1]), keepdims=0)
    w.node("Identity", both, to="y")
    shapes = {"h0": at(UNITS), "xs": [STEPS, "n", *middle, INPUTS]}
    return ox.load(w.model(shapes, {"y": ["n", OUTPUTS]}), batch_axis={"xs": 1}, dtype="float64")


@pytest.mark.parametrize("middle", [(), (2,)], ids=["flat", "deep"])
@pytest.mark.parametrize("seed", range(12))
@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_steps_made_ready_at_once_are_walked_as_one_by_one(
    seed: int, middle: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    m, random = model(seed, middle), np.random.default_rng(seed)
    data = {"h0": random.standard_normal((SAMPLES, *middle, UNITS)), "xs": random.standard_normal((STEPS, SAMPLES, *middle, INPUTS))}
    (scan,) = (n.layer for n in m.graph.every_node() if isinstance(n.layer, Scan))
    assert scan.by_rows
    for name, method in METHODS.items():
        explained = lambda method=method: arrays(ox.explain(m, data, method, target="all"))
        with monkeypatch.context() as patch:
            patch.setattr("onnxplain.graph.control.steps.ROWS", 2 * SAMPLES)  # two steps at a time
            at_once = explained()
            patch.setattr(scan, "by_rows", False)
            for key, expected in explained().items():
                largest = np.nan_to_num(np.abs(expected)).max()
                np.testing.assert_allclose(at_once[key], expected, rtol=1e-9, atol=1e-10 * largest, err_msg=f"{name} {key}")


@pytest.mark.parametrize("ends", [("h", "x"), ("x", "h"), ("h", "h")], ids="-".join)
def test_what_a_body_passes_on_is_passed_back(ends: tuple[str, str]) -> None:
    body = Writer()
    for made, v in zip(("h'", "y'"), ends, strict=True):
        body.node("Identity", v, to=made)
    sides = [[info(n, ["n", UNITS]) for n in names] for names in (("h", "x"), ("h'", "y'"))]
    w = Writer()
    last, every = w.node(
        "Scan", "h0", "xs", to=["last", "every"], body=helper.make_graph(body.nodes, "body", *sides), num_scan_inputs=1
    )
    w.node("Add", last, w.node("ReduceSum", every, w.constant([0]), keepdims=0), to="y")
    shapes = {"h0": ["n", UNITS], "xs": [STEPS, "n", UNITS]}
    m = ox.load(w.model(shapes, {"y": ["n", UNITS]}), batch_axis={"xs": 1}, dtype="float64")
    data = {"h0": np.ones((SAMPLES, UNITS)), "xs": np.ones((STEPS, SAMPLES, UNITS))}
    e = ox.explain(m, data, "gradient", target=1)
    # how often a unit of either is added up
    start, slices = {("h", "x"): (1, 1), ("x", "h"): (1, 1), ("h", "h"): (1 + STEPS, 0)}[ends]
    assert np.all(e["h0"].values[:, 1, 0] == start) and np.all(e["h0"].values[:, [0, 2, 3]] == 0)
    assert np.all(e["xs"].values[:, :, 1, 0] == slices) and np.all(e["xs"].values[:, :, [0, 2, 3]] == 0)
