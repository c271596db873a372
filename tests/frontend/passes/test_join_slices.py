"""Slices and Gathers that take a value apart become one Split."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from onnx import numpy_helper

from onnxplain.layers.routing.cut import Cut

from ...engine.build import Writer
from .harness import data, explained_alike, graphs, operators, unchanged, written

SHAPE = (3, 5, 6)


def sliced(w: Writer, x: str, start: int, end: int, axis: int, step: int | None = None) -> str:
    steps = [] if step is None else [w.constant([step])]
    return w.node("Slice", x, w.constant([start]), w.constant([end]), w.constant([axis]), *steps)


def gathered(w: Writer, x: str, at: int, axis: int) -> str:
    w.initializers.append(numpy_helper.from_array(np.array(at), name := f"{x} at {at}"))  # a number, not a list of one
    return w.node("Gather", x, name, axis=axis)


def halves(w: Writer, x: str) -> str:
    """Turned halves side by side, as rotary embeddings have it; the ends counted as exporters count them."""
    first, second = sliced(w, x, 0, 3, -1), sliced(w, x, 3, 2**63 - 1, 2, 1)
    return w.node("Concat", w.node("Neg", second), w.node("Tanh", first), axis=-1)


def queries(w: Writer, x: str) -> str:
    """Queries, keys and values of 2 heads, one place of an axis each."""
    wide = w.node("MatMul", x, w.weight(6, 18))
    parts = w.node("Transpose", w.node("Reshape", wide, w.constant([0, 5, 3, 2, 3])), perm=[2, 0, 3, 1, 4])
    q, k, v = (gathered(w, parts, at, 0) for at in (0, 1, -1))
    weights = w.node("Softmax", w.node("MatMul", q, w.node("Transpose", k, perm=[0, 1, 3, 2])), axis=-1)
    mixed = w.node("Transpose", w.node("MatMul", weights, v), perm=[0, 2, 1, 3])
    return w.node("Reshape", mixed, w.constant([0, 5, 6]))


def uneven(w: Writer, x: str) -> str:
    """In another order than they lie, one of them a single place that keeps its axis, one that loses it."""
    last, one, rest = sliced(w, x, -3, 6, 2), gathered(w, x, 0, 2), sliced(w, x, 1, 3, 2)
    return w.node("Concat", w.node("Mul", last, last), w.node("Unsqueeze", w.node("Sin", one), w.constant([2])), rest, axis=2)


@pytest.mark.parametrize(("spelling", "sizes"), [(halves, (3, 3)), (queries, (1, 1, 1)), (uneven, (1, 2, 3))], ids=["halves", "queries", "uneven"])
def test_what_takes_a_value_apart_is_one_node(spelling: Callable[[Writer, str], str], sizes: tuple[int, ...]) -> None:
    proto = written(spelling)
    graph = unchanged(proto, data())
    assert "Slice" not in operators(graph) and "Gather" not in operators(graph)
    (split,) = (n for n in graph.nodes if n.op == "Split")
    assert isinstance(split.layer, Cut) and split.layer.sizes == sizes
    explained_alike(proto, data())


@pytest.mark.parametrize(
    "pieces",
    [((0, 3), (2, 6)), ((0, 3), (4, 6)), ((0, 6), (0, 6)), ((0, 3),), ((0, 3), (0, 3), (3, 6))],
    ids=["overlapping", "with a gap", "all of it twice", "a piece alone", "a piece twice"],
)
def test_other_slices_stay(pieces: tuple[tuple[int, int], ...]) -> None:
    def spelling(w: Writer, x: str) -> str:
        each = [w.node("ReduceSum", sliced(w, x, *p, 2), w.constant([2])) for p in pieces]
        total = each[0]
        for other in each[1:]:
            total = w.node("Mul", total, other)
        return w.node("Mul", x, total)

    graph = unchanged(written(spelling), data())
    assert "Split" not in operators(graph)
    explained_alike(written(spelling), data())


def test_steps_and_sizes_that_are_not_known_stay() -> None:
    def every_other(w: Writer, x: str) -> str:
        return w.node("Concat", sliced(w, x, 0, 6, 2, 2), sliced(w, x, 1, 6, 2, 2), axis=2)

    def free(w: Writer, x: str) -> str:
        return w.node("Concat", sliced(w, x, 1, 2**63 - 1, 1), sliced(w, x, 0, 1, 1), axis=1)

    assert "Split" not in operators(unchanged(written(every_other), data()))
    assert "Split" not in operators(unchanged(written(free, shape=("N", "t", 6)), data()))


def test_pieces_that_are_asked_for_are_still_made() -> None:
    def spelling(w: Writer, x: str) -> str:
        first, second = sliced(w, x, 0, 2, 2), w.node("Slice", x, w.constant([2]), w.constant([6]), w.constant([2]), to="tail")
        return w.node("Concat", w.node("Exp", second), first, axis=2)

    proto = written(spelling, tail="tail")
    graph = unchanged(proto, data(), keep=("tail",))
    assert "Split" in operators(graph) and "tail" in graph.outputs
    assert "Split" not in operators(graphs(proto)[0])
