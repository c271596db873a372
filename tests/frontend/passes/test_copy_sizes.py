"""Reshapes to sizes that are read off values, as exporters write them."""

from __future__ import annotations

import pytest

from ...engine.build import Writer
from .harness import data, operators, unchanged, written

SHAPE = (3, 5, 6)
FREE = ("N", "t", 6)


def sliced(w: Writer, x: str, *axes: int) -> list[str]:
    """Sizes as torch's `x.shape[:2]`."""
    shape = w.node("Shape", x)
    return [w.node("Slice", shape, w.constant([a]), w.constant([a + 1]), w.constant([0])) for a in axes]


def gathered(w: Writer, x: str, *axes: int) -> list[str]:
    """Sizes as torch's `x.size(0)`, with an axis."""
    shape = w.node("Shape", x)
    return [w.node("Gather", shape, w.constant([a]), axis=0) for a in axes]


READINGS = pytest.mark.parametrize("read", [sliced, gathered])


@READINGS
def test_sizes_of_the_value_itself_are_copied(read) -> None:  # type: ignore[no-untyped-def]
    def spelling(w: Writer, x: str) -> str:
        split = w.node("Reshape", x, w.node("Concat", *read(w, x, 0, 1), w.constant([2, 3]), axis=0))
        turned = w.node("Transpose", split, perm=[0, 2, 1, 3])
        back = w.node("Transpose", turned, perm=[0, 2, 1, 3])
        return w.node("Reshape", back, w.node("Concat", *read(w, back, 0, 1), w.constant([-1]), axis=0))

    graph = unchanged(written(spelling, shape=FREE), data(SHAPE))
    assert operators(graph) == ["Reshape", "Transpose", "Transpose", "Reshape", "Identity"]


@READINGS
def test_sizes_of_a_value_that_is_as_large_are_copied(read) -> None:  # type: ignore[no-untyped-def]
    """Attention: the sizes of the tokens, for what was made of them by products, a softmax and other reshapes."""

    def spelling(w: Writer, x: str) -> str:
        sizes = read(w, x, 0, 1)
        heads = w.node("Concat", *sizes, w.constant([2, 3]), axis=0)
        q, k = (w.node("Reshape", w.node("MatMul", x, w.weight(6, 6)), heads) for _ in range(2))
        q, k = w.node("Transpose", q, perm=[0, 2, 1, 3]), w.node("Transpose", k, perm=[0, 2, 3, 1])
        mixed = w.node("MatMul", w.node("Softmax", w.node("MatMul", q, k), axis=-1), q)
        merged = w.node("Concat", *sizes, w.constant([6]), axis=0)
        return w.node("Reshape", w.node("Transpose", mixed, perm=[0, 2, 1, 3]), merged)

    graph = unchanged(written(spelling, shape=FREE), data(SHAPE))
    assert not {"Shape", "Slice", "Gather", "Unsqueeze", "Concat"} & set(operators(graph))


def test_a_size_for_another_axis_is_still_read() -> None:
    def spelling(w: Writer, x: str) -> str:
        n, t = sliced(w, x, 0, 1)
        turned = w.node("Reshape", x, w.node("Concat", t, n, w.constant([6]), axis=0))
        return w.node("Reshape", turned, w.node("Concat", n, t, w.constant([6]), axis=0))

    graph = unchanged(written(spelling, shape=FREE), data(SHAPE))
    assert operators(graph).count("Shape") == 1


def test_sizes_of_values_that_may_differ_are_still_read() -> None:
    """What is broadcast against a constant of one row, and a sum of two values of free sizes."""

    def spelling(w: Writer, x: str) -> str:
        most = w.node("ReduceMax", x, axes=[1], keepdims=1)  # (N, 1, 6), which inference of shapes need not see
        both = w.node("Add", x, most)
        return w.node("Reshape", both, w.node("Concat", *sliced(w, most, 0), *sliced(w, x, 1), w.constant([6]), axis=0))

    unchanged(written(spelling, shape=FREE), data(SHAPE))


@pytest.mark.parametrize("rows", [1, 4])
def test_any_number_of_rows_goes_through(rows: int) -> None:
    def spelling(w: Writer, x: str) -> str:
        split = w.node("Reshape", x, w.node("Concat", *sliced(w, x, 0, 1), w.constant([2, -1]), axis=0))
        return w.node("Reshape", split, w.node("Concat", *sliced(w, split, 0), w.constant([-1, 6]), axis=0))

    graph = unchanged(written(spelling, shape=FREE), data((rows, 7, 6)))
    assert operators(graph) == ["Reshape", "Reshape", "Identity"]
