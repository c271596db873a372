"""Biases of attention that depend on how far a key is from its query."""

from __future__ import annotations

import math

import numpy as np

from ..body import Body
from ..heads import apart, counted
from .parts import pieces, whole_numbers


def relative_position_bias(b: Body) -> None:
    """(1, head, query, key): a row of the table per distance; from half of the rows on a row stands for ever more
    distances, up to `max_distance` (T5)."""
    rows = b.size(b.input(0), 0)
    if rows is None:
        return
    queries, keys = (counted(b, b("Reshape", whole_numbers(b, b.input(i)), b.ints())) for i in (1, 2))
    apart_by = b("Sub", keys, b.with_axes("Unsqueeze", queries, [1]))  # (query, key)
    if b.attr("is_bidirectional", 0):
        rows //= 2
        start = b("Where", b("Greater", apart_by, b.whole(0)), b.whole(rows), b.whole(0))
        bucket = b("Add", start, _bucket(b, b("Abs", apart_by), rows))
    else:
        bucket = _bucket(b, b("Max", b("Neg", apart_by), b.whole(0)), rows)
    y = b("Transpose", b("Gather", b.input(0), bucket, axis=0), perm=[2, 0, 1])
    b.with_axes("Unsqueeze", y, [0], result=b.output(0))


def _bucket(b: Body, distance: str, rows: int) -> str:
    """The distance itself below half of the rows; from there on how many of the distances it has reached at which the
    logarithm comes to the next row."""
    exact = rows // 2
    steps = b(
        "Not", b("Less", b.with_axes("Unsqueeze", distance, [-1]), b.ints(*_steps(exact, rows, b.attr("max_distance"))))
    )
    far = b("Add", b.with_axes("ReduceSum", whole_numbers(b, steps), [-1], keepdims=0), b.whole(exact))
    return b("Where", b("Less", distance, b.whole(exact)), distance, far)


def _steps(exact: int, rows: int, longest: int) -> list[int]:
    """The first distance for every row after `exact`, with the logarithm in single precision, as it is computed."""
    distances = np.arange(exact, max(longest, exact) + 1)
    scale = np.float32(math.log(longest / exact))
    reached = np.log(distances.astype(np.float32) / np.float32(exact)) / scale * np.float32(rows - exact)
    row = exact + np.minimum(reached.astype(np.int64), rows - 1 - exact)
    return [int(distances[np.argmax(row >= r)]) for r in range(exact + 1, rows)]


def gated_relative_position_bias(b: Body) -> None:
    """rel_pos · (u (r · eco_a − 1) + 2), u and r gates that each query computes for each head (WavLM)."""
    if b.input(6):
        return
    q = apart(b, b("Add", b.input(0), b.input(1), at="biased"), b.attr("num_heads"))
    gates = b("Add", b("MatMul", q, b.input(3), at="product"), b.input(4), at="linear")
    halves = b("Reshape", gates, b.ints(0, 0, 0, 2, -1))
    u, r = pieces(b, b("Sigmoid", b.with_axes("ReduceSum", halves, [-1], keepdims=0)), -1, (1, 1), ("u", "r"))
    inner = b("Sub", b("Mul", r, b.input(5)), b.number(1.0))
    gate = b("Add", b("Mul", u, inner), b.number(2.0), at="gate")
    b("Mul", gate, b.input(2), at="gated", result=b.output(0))
