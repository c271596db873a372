"""Of a large last layer, only the units that a target names are computed, and the numbers are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain import api
from onnxplain.errors import ModelError, TargetError
from onnxplain.graph.heads import Head
from onnxplain.methods.problem import Problem

from .build import Writer

T, WIDTH, WORDS = 3, 64, 2**12
REFERENCES = np.random.default_rng(7).standard_normal((3, T, WIDTH))
METHODS: dict[str, Any] = {
    "gradient": "gradient",
    "gradient_input": "gradient_input",
    "smoothgrad": ox.SmoothGrad(n_samples=3),
    "vargrad": ox.VarGrad(n_samples=3),
    "integrated gradients": ox.IntegratedGradients(n_steps=3, baseline=0.2),
    "expected gradients": ox.ExpectedGradients(data_ref=REFERENCES, n_samples=4),
    "deeplift": ox.DeepLift(baseline=0.3),
    "deepshap": ox.DeepShap(data_ref=REFERENCES),
    "epsilon": ox.LRP("epsilon"),
    "epsilon, its own seed": ox.LRP("epsilon", seed=2.0),
    "bias shared out": ox.LRP({"dense": ox.Epsilon(bias="distribute")}),
    "gamma": ox.LRP({"dense": ox.Gamma(0.3)}),
}
TARGETS: dict[str, Any] = {
    "one unit": (1, 7),
    "several": [(1, 7), (2, WORDS - 1), (0, 0), (1, 7)],
    "by number": [WORDS + 5, -1],
    "predicted": "predicted",
    "top": ox.Top(2),
    "per sample": ox.PerSample([3, WORDS + 1, 2 * WORDS]),
    "contrast": ox.Contrast((0, 1), (2, 5)),
    "callable": lambda y: y[:, 0, 3] * y[:, 1, 4],
}
NAMED = ("one unit", "several", "by number")


def model(positions: bool = True, bias: bool = True, after: str = "", **options: Any) -> ox.Model:
    w = Writer(5)
    x = w.node("Tanh", w.node("MatMul", "x", w.weight(WIDTH, WIDTH)))
    if not positions:
        x = w.node("ReduceMean", x, axes=[1], keepdims=0)
    y = w.node("MatMul", x, w.weight(WIDTH, WORDS), to=None if bias or after else "y")
    if bias:
        y = w.node("Add", y, w.weight(WORDS), to=None if after else "y")
    if after:
        w.node(after, y, to="y")
    shape = ("N", T, WORDS) if positions else ("N", WORDS)
    return ox.load(w.model({"x": ("N", T, WIDTH)}, {"y": shape}), dtype="float64", **options)


def data(n: int = 3) -> np.ndarray:
    return np.random.default_rng(2).standard_normal((n, T, WIDTH))


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """How many units every last layer computes from now on; None where it computes all."""
    seen: list[int | None] = []
    call = Head.__call__

    def watch(self: Head, x: Any) -> Any:
        y = call(self, x)
        all_of_it = bool(y.isfinite().all())
        seen.append(None if all_of_it else int(y[0].isfinite().sum()))
        return y

    monkeypatch.setattr(Head, "__call__", watch)
    return seen


def numbers(e: ox.Explanation) -> list[np.ndarray]:
    parts: tuple[Any, ...] = (e.predictions, e.goals, e.sums)
    return [e.values, *(np.asarray(each) for part in parts for each in part.values())]


def whole(problem: Problem, *given: Any) -> Problem:
    return problem


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
@pytest.mark.filterwarnings("ignore:LRP", "ignore:Integrated", "ignore:Expected")
def test_numbers_are_those_of_the_whole_layer(method: Any, target: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    m = model()
    found = ox.explain(m, data(), method, target=target, seed=1)
    monkeypatch.setattr(api, "at_named_units", whole)
    for mine, expected in zip(numbers(found), numbers(ox.explain(m, data(), method, target=target, seed=1)), strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-11, atol=1e-12 * np.nanmax(np.abs(np.append(expected, 0.0))))


@pytest.mark.parametrize("positions", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("method", ["gradient", "epsilon", "deeplift"])
def test_units_that_nobody_names_are_not_computed(
    method: str, positions: bool, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    m, seen = model(positions, bias), watched(monkeypatch)
    target = [7, 9, 7]
    found = ox.explain(m, data(), METHODS[method], target=target)
    assert seen and set(seen) == {2}
    monkeypatch.setattr(api, "at_named_units", whole)
    expected = ox.explain(m, data(), METHODS[method], target=target)
    for mine, other in zip(numbers(found), numbers(expected), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-11, atol=1e-13)
    assert len(seen) > 0 and np.abs(found.values).max() > 0


@pytest.mark.parametrize("target", [t for t in TARGETS if t not in NAMED])
def test_targets_that_outputs_decide_need_them_all(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(monkeypatch)
    ox.explain(model(), data(), "gradient", target=TARGETS[target])
    assert set(seen) <= {None}


def test_rules_that_share_by_all_outputs_get_them_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = watched(monkeypatch)
    for method in ("epsilon, its own seed", "bias shared out", "gamma"):
        ox.explain(model(), data(), METHODS[method], target=5)
    assert seen == []


def test_outputs_that_others_read_are_computed_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    m, seen = model(after="Softmax"), watched(monkeypatch)
    e = ox.explain(m, data(), "gradient", target=(1, 7))
    assert seen == []
    assert 0 < e.predictions["y"].min() and e.predictions["y"].max() < 1


def test_labels_name_units(monkeypatch: pytest.MonkeyPatch) -> None:
    m, seen = model(positions=False, output_labels=[f"word {i}" for i in range(WORDS)]), watched(monkeypatch)
    by_label = ox.explain(m, data(), "gradient", target="word 17")
    assert seen and set(seen) == {1}
    np.testing.assert_array_equal(by_label.values, ox.explain(m, data(), "gradient", target=17).values)


def test_units_that_are_not_there_are_named() -> None:
    with pytest.raises(TargetError, match="no position"):
        ox.explain(model(), data(), "gradient", target=(T, 0))


def test_an_audit_reads_all_of_it() -> None:
    e = ox.explain(model(), data(), METHODS["epsilon"], target=(1, 7))
    assert len(e.audit_rows) == 3 and all(np.isfinite(row["lost"]) for row in e.audit_rows)


def test_the_node_that_is_not_finite_is_found() -> None:
    w = Writer(5)
    w.node("MatMul", w.node("Mul", "x", "x", name="squared"), w.weight(WIDTH, WORDS), to="y")
    m = ox.load(w.model({"x": ("N", WIDTH)}, {"y": ("N", WORDS)}))
    with pytest.raises(ModelError, match="'squared'"):
        ox.explain(m, np.full((2, WIDTH), 1e30, np.float32), "gradient_input", target=3)


def test_compiled_plans_are_left_alone() -> None:
    m = model()
    plain = ox.explain(m, data(1), "gradient", target=(1, 7))
    np.testing.assert_allclose(
        ox.explain(m, data(1), "gradient", target=(1, 7), compile=True).values, plain.values, rtol=1e-11, atol=1e-13
    )
