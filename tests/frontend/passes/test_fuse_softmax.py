"""Softmax as exponentials and their sum."""

from __future__ import annotations

import numpy as np
import pytest

import onnxplain as ox

from ...engine.build import Writer
from .harness import Spelling, data, explained_alike, operators, unchanged, written


def softmax(w: Writer, x: str, axis: int = -1, maximum: bool = True, root: bool = False, floor: bool = False) -> str:
    if maximum:
        highest = w.node("ReduceMax", x, axes=[axis])
        highest = w.node("Max", w.constant(-np.inf), highest) if floor else highest
        x = w.node("Sub", x, highest)
    e = w.node("Exp", x)
    total = w.node("ReduceSum", e, w.constant([axis]))
    return w.node("Mul", e, w.node("Reciprocal", total)) if root else w.node("Div", e, total)


def squeezed(w: Writer, x: str) -> str:
    highest = w.node("Unsqueeze", w.node("ReduceMax", x, axes=[-1], keepdims=0), w.constant([-1]))
    e = w.node("Exp", w.node("Sub", x, highest))
    return w.node("Div", e, w.node("Unsqueeze", w.node("ReduceSum", e, w.constant([2]), keepdims=0), w.constant([2])))


SPELLINGS: dict[str, Spelling] = {
    "maximum subtracted": softmax,
    "nothing subtracted": lambda w, x: softmax(w, x, maximum=False),
    "reciprocal": lambda w, x: softmax(w, x, root=True),
    "middle axis": lambda w, x: softmax(w, x, axis=1),
    "maximum with -inf": lambda w, x: softmax(w, x, floor=True),
    "axes put back": squeezed,
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_softmax_is_one_however_it_is_written(name: str) -> None:
    proto = written(SPELLINGS[name])
    assert operators(unchanged(proto, data())) == ["Softmax", "Identity"]
    explained_alike(proto, data())


def test_a_softmax_that_is_written_out_is_a_last_activation() -> None:
    w = Writer()
    softmax(w, w.dense("x", 6, 4))
    w.node("Identity", w.nodes[-1].output[0], to="y")
    model = ox.load(w.model({"x": ("N", 6)}, {"y": ("N", 4)}), dtype="float64")
    e = ox.explain(model, data((3, 6)), ox.LRP(ox.rules.Zero(bias="distribute")), target="all")
    assert any("before its Softmax" in note for note in e.notes)
    logits = data((3, 6)) @ _weights(w, 0).T + _weights(w, 1)
    np.testing.assert_allclose(e.sums["y"], logits, rtol=1e-6)


def _weights(w: Writer, i: int) -> np.ndarray:
    from onnx import numpy_helper

    return numpy_helper.to_array(w.initializers[i]).astype(np.float64)


@pytest.mark.parametrize("value", ["exponentials", "total", "shifted"])
def test_a_softmax_whose_inner_value_is_an_output_stays_in_parts(value: str) -> None:
    def spelling(w: Writer, x: str) -> str:
        shifted = w.node("Sub", x, w.node("ReduceMax", x, axes=[-1]), to="shifted")
        e = w.node("Exp", shifted, to="exponentials")
        return w.node("Div", e, w.node("ReduceSum", e, w.constant([-1]), to="total"))

    merged = unchanged(written(spelling, inner=value), data())
    assert value in merged.values and "Softmax" not in operators(merged)


def other_axis(w: Writer, x: str) -> str:
    e = w.node("Exp", w.node("Sub", x, w.node("ReduceMax", x, axes=[-1])))
    return w.node("Div", e, w.node("ReduceSum", e, w.constant([1, 2])))


def mean_in_place_of_sum(w: Writer, x: str) -> str:
    e = w.node("Exp", x)
    return w.node("Div", e, w.node("ReduceMean", e, axes=[-1]))


def guarded(w: Writer, x: str) -> str:
    e = w.node("Exp", x)
    return w.node("Div", e, w.node("Add", w.node("ReduceSum", e, w.constant([-1])), w.constant(1.0)))


def other_numerator(w: Writer, x: str) -> str:
    return w.node("Div", w.node("Exp", x), w.node("ReduceSum", w.node("Exp", w.node("Abs", x)), w.constant([-1])))


@pytest.mark.parametrize("spelling", [other_axis, mean_in_place_of_sum, guarded, other_numerator], ids=lambda s: s.__name__)
def test_what_only_resembles_a_softmax_stays_as_it_is(spelling: Spelling) -> None:
    assert "Softmax" not in operators(unchanged(written(spelling), data()))


def test_a_maximum_over_another_axis_is_not_part_of_a_softmax() -> None:
    def spelling(w: Writer, x: str) -> str:
        e = w.node("Exp", w.node("Sub", x, w.node("ReduceMax", x, axes=[1])))
        return w.node("Div", e, w.node("ReduceSum", e, w.constant([-1])))

    merged = unchanged(written(spelling), data())
    assert "ReduceMax" in operators(merged) and "Softmax" in operators(merged)
