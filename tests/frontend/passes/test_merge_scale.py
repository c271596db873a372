"""Batch normalisation written out behind a convolution, as tf2onnx does behind a depthwise one."""

from __future__ import annotations

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.layers.affine.conv import Conv

from ...engine.build import Writer
from .harness import data, explained_alike, operators, unchanged, written

SHAPES = {"per channel": (5, 1), "with a batch axis": (1, 5, 1), "one number": (1,)}


def norm(w: Writer, x: str, shape: tuple[int, ...] = (5, 1), op: str = "Mul", add: bool = True, bias: bool = False) -> str:
    parameters = [w.weight(5, 1, 3), *([w.weight(5)] if bias else [])]
    y = w.node("Conv", x, *parameters, group=5, pads=[1, 1], name="conv")
    y = w.node(op, y, w.weight(*shape, shift=1.5), name="scale")
    return w.node("Add", y, w.weight(*shape), name="shift") if add else y


@pytest.mark.parametrize("bias", [False, True], ids=["plain", "bias"])
@pytest.mark.parametrize("op", ["Mul", "Div"])
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_scale_and_a_shift_per_channel_are_taken_into_the_convolution(shape: tuple[int, ...], op: str, bias: bool) -> None:
    proto = written(lambda w, x: norm(w, x, shape, op, bias=bias))
    graph = unchanged(proto, data())
    assert operators(graph) == ["Conv", "Identity"]
    assert isinstance(graph.nodes[0].layer, Conv) and graph.nodes[0].layer.b is not None
    explained_alike(proto, data())


def test_a_scale_that_no_shift_follows_stays() -> None:
    assert operators(unchanged(written(lambda w, x: norm(w, x, add=False)), data())) == ["Conv", "Mul", "Identity"]


def test_numbers_along_another_axis_stay() -> None:
    assert operators(unchanged(written(lambda w, x: norm(w, x, shape=(1, 6))), data())) == ["Conv", "Mul", "Add", "Identity"]


def test_a_value_between_that_is_kept_is_still_computed() -> None:
    graph = unchanged(written(norm), data(), keep=("v1",))
    assert "v1" in graph.values and operators(graph) == ["Conv", "Mul", "Add", "Identity"]


def test_relevance_is_that_of_a_batch_normalization() -> None:
    w = Writer()
    y = w.node("Conv", "x", w.weight(5, 1, 3), group=5, pads=[1, 1])
    parameters = w.weight(5, shift=1.5), w.weight(5), w.constant(np.zeros(5)), w.constant(np.ones(5))
    w.node("BatchNormalization", y, *parameters, to="y", epsilon=0.0)
    x = data()
    both = [w.model({"x": ("N", 5, 6)}, {"y": ("N", 5, 6)}), written(norm)]  # the same numbers, drawn in the same order
    whole, parts = (ox.explain(ox.load(m, dtype="float64"), x, ox.LRP(), target=[(0, 0), (3, 2)]).values for m in both)
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-14)


def turned(w: Writer, x: str, parts: tuple[str, ...] = ("Mul", "Add"), shape: tuple[int, ...] = (5,)) -> str:
    """Channels last: turned, convolved, turned back, times and plus a constant along the last axis."""
    y = w.node("Conv", x, w.weight(5, 1, 3), group=5, pads=[1, 1])
    y = w.node("Transpose", y, perm=[0, 2, 1])
    for op in parts:
        y = w.node(op, y, w.weight(*shape, shift=1.5))
    return w.node("Transpose", w.node("Relu", y), perm=[0, 2, 1])


@pytest.mark.parametrize("parts", [("Mul", "Add"), ("Add",), ("Sub",), ("Div", "Sub")], ids=" ".join)
@pytest.mark.parametrize("shape", [(5,), (1, 1, 5), ()], ids=["channels", "with axes", "one number"])
def test_a_transpose_between_comes_after_them(parts: tuple[str, ...], shape: tuple[int, ...]) -> None:
    proto = written(lambda w, x: turned(w, x, parts, shape))
    assert operators(unchanged(proto, data())) == ["Conv", "Transpose", "Relu", "Transpose", "Identity"]
    explained_alike(proto, data())


def test_a_transpose_stays_before_numbers_that_are_not_per_channel() -> None:
    graph = unchanged(written(lambda w, x: turned(w, x, shape=(6, 1))), data())
    assert operators(graph)[:4] == ["Conv", "Transpose", "Mul", "Add"]
