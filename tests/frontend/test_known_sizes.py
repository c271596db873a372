"""Sizes that the file tells are numbers: what is computed of them is constant; those that may vary are still read."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import onnxplain as ox

from ..engine.build import Writer
from .passes.harness import data, explained_alike, graphs, operators, unchanged, written

SHAPE = (3, 5, 6)


def halves(w: Writer, x: str) -> str:
    """x.chunk(2, -1), as torch's exporter writes it."""
    n = w.node("Gather", w.node("Shape", x), w.constant([2]))
    half = w.node("Div", w.node("Add", n, w.constant([1])), w.constant([2]))
    axis = w.constant([2])
    first = w.node("Slice", x, w.constant([0]), w.node("Mul", half, w.constant([1])), axis)
    second = w.node("Slice", x, w.node("Mul", half, w.constant([1])), w.node("Mul", half, w.constant([2])), axis)
    return w.node("Concat", w.node("Tanh", second), w.node("Mul", first, first), axis=2)


def scaled(w: Writer, x: str) -> str:
    """x / √6, as the scale of attention is computed: of the last of its sizes."""
    last = w.node("Slice", w.node("Shape", x), w.constant([-1]), w.constant([2**63 - 1]))
    root = w.node("Sqrt", w.node("CastLike", last, w.constant(1.0)))
    return w.node("Mul", x, w.node("Div", w.constant([1.0]), root))


def test_halves_are_halves() -> None:
    graph = unchanged(written(halves), data())
    assert operators(graph) == ["Split", "Tanh", "Mul", "Concat", "Identity"]
    explained_alike(written(halves), data())


def test_a_scale_made_of_a_size_is_a_number() -> None:
    graph = unchanged(written(scaled), data())
    (scale, _) = graph.nodes
    assert type(scale.layer).__name__ == "Scale"
    x = data()
    found = ox.explain(ox.load(written(scaled), dtype="float64"), x, "gradient", target=(1, 2)).values
    np.testing.assert_allclose(np.asarray(found)[:, 1, 2], 6**-0.5, rtol=1e-7)


@pytest.mark.parametrize("axis", [0, 1])
def test_samples_and_axes_of_one_are_still_counted(axis: int) -> None:
    """A file for one sample may get many; where its axis of samples is not the first, it is one of size 1."""

    def spelling(w: Writer, x: str) -> str:
        n = w.node("Gather", w.node("Shape", x), w.constant([axis]))
        return w.node("Mul", x, w.node("CastLike", n, w.constant(1.0)))

    shape = (1, 5, 6) if axis == 0 else (5, 1, 6)
    raw, _ = graphs(written(spelling, shape=shape))
    assert operators(raw)[:2] == ["Shape", "Gather"]


def test_sizes_of_which_some_are_known_are_read_where_they_are_not() -> None:
    """Attention's heads: samples and steps vary, the width does not."""

    def spelling(w: Writer, x: str) -> str:
        shape = w.node("Shape", x)
        front = w.node("Slice", shape, w.constant([0]), w.constant([2]))
        width = w.node("Slice", shape, w.constant([2]), w.constant([3]))
        heads = w.node("Concat", front, w.constant([2]), w.node("Div", width, w.constant([2])), axis=0)
        turned = w.node("Softmax", w.node("Reshape", x, heads), axis=-1)
        return w.node("Reshape", turned, w.node("Concat", front, width, axis=0))

    proto = written(spelling, shape=("N", "t", 6))
    for shape in ((3, 5, 6), (1, 2, 6)):
        graph = unchanged(proto, data(shape))
    assert "Div" not in operators(graph)


def test_places_that_are_not_known_are_no_places() -> None:
    """A mask cut to as many steps as there are: its numbers are known, where it is cut is not."""

    def spelling(w: Writer, x: str) -> str:
        steps = w.node("Slice", w.node("Shape", x), w.constant([1]), w.constant([2]))
        mask = w.node("Slice", w.constant(np.tril(np.ones((9, 9)))), w.constant([0]), steps, w.constant([0]))
        mask = w.node("Slice", mask, w.constant([0]), steps, w.constant([1]))
        picked = w.node("Gather", w.constant(np.arange(10.0)), steps)
        return w.node("Add", w.node("MatMul", mask, x), picked)

    proto = written(spelling, shape=("N", "t", 6))
    for shape in ((3, 5, 6), (2, 9, 6), (1, 1, 6)):
        unchanged(proto, data(shape))
        found = ox.load(proto, dtype="float64").predict(data(shape))["y"]
        np.testing.assert_allclose(np.asarray(found), np.cumsum(data(shape), 1) + shape[1], rtol=1e-6)


def test_sizes_within_bodies_are_read_at_every_step() -> None:
    """A state that grows from step to step, whatever its declared size."""
    w = Writer()
    body = Writer()
    grown = body.node("Concat", "state", body.constant([1.0]), axis=0)
    count = body.node("CastLike", body.node("Gather", body.node("Shape", "state"), body.constant([0])), body.constant(1.0))
    body.node("Identity", "go", to="on")
    body.node("Identity", grown, to="next")
    body.node("Identity", count, to="n")
    ends = [("i", TensorProto.INT64, []), ("go", TensorProto.BOOL, []), ("state", TensorProto.FLOAT, [2])]
    outs = [("on", TensorProto.BOOL, []), ("next", TensorProto.FLOAT, None), ("n", TensorProto.FLOAT, [1])]
    graph = helper.make_graph(
        body.nodes,
        "body",
        [helper.make_tensor_value_info(*v) for v in ends],
        [helper.make_tensor_value_info(*v) for v in outs],
        body.initializers,
    )
    w.initializers.append(helper.make_tensor("steps", TensorProto.INT64, [], [3]))
    w.nodes.append(helper.make_node("Loop", ["steps", "", w.constant([1.0, 2.0])], ["last", "counts"], body=graph, name="loop"))
    w.node("Mul", "x", w.node("ReduceSum", "counts", keepdims=0), to="y")
    model = ox.load(w.model({"x": ("N", 2)}, {"y": ("N", 2)}), dtype="float64")
    x = np.array([[1.0, -2.0]])
    np.testing.assert_allclose(np.asarray(ox.explain(model, x, "gradient", target=0).values).ravel(), [2 + 3 + 4, 0])
