"""Which part of a value may be below 0, where the value was put together from others: a U-Net's copies from the way down are not,
what comes from below is."""

from __future__ import annotations

from collections.abc import Sequence

from ..layers.kinds import Routing
from ..rules.base import Mixed
from .graph import Graph


def mixed(graph: Graph, inputs: Sequence[str]) -> Mixed | None:
    """Of a node's first input, where only parts of it may be below 0 and their sizes are known."""
    maker = graph.producer.get(inputs[0]) if inputs else None
    rank = graph.ranks.get(inputs[0]) if inputs else None
    axis = None if maker is None or not isinstance(maker.layer, Routing) else maker.layer.joined
    if axis is None or rank is None or inputs[0] in graph.nonnegative:
        return None
    axis %= rank
    pieces = _pieces(graph, inputs[0], axis)
    if pieces is None or all(below for _, below in pieces):
        return None
    ranges: list[tuple[int, int]] = []
    at = 0
    for size, below in pieces:
        if below and ranges and ranges[-1][1] == at:
            ranges[-1] = (ranges[-1][0], at + size)
        elif below:
            ranges.append((at, at + size))
        at += size
    return Mixed(axis - rank, at, tuple(ranges))


def _pieces(graph: Graph, value: str, axis: int) -> list[tuple[int, bool]] | None:
    """(size along the axis, whether it may be below 0) of what the value was put together from; None where a size is not
    known."""
    maker, shape = graph.producer.get(value), graph.shapes.get(value, ())
    layer = None if maker is None or value in graph.nonnegative else maker.layer
    joined = layer.joined if isinstance(layer, Routing) else None
    if maker is None or not isinstance(layer, Routing) or joined is None or joined % max(len(shape), 1) != axis:
        size = shape[axis] if axis < len(shape) else None
        return None if size is None else [(size, value not in graph.nonnegative)]
    found: list[tuple[int, bool]] = []
    given = dict(zip(layer.slots, maker.inputs, strict=True))
    for slot in range(layer.n_slots):
        constant = None if slot in given else getattr(layer, f"constant_{slot}")
        part = _pieces(graph, given[slot], axis) if constant is None else [(constant.shape[axis], bool((constant < 0).any()))]
        if part is None:
            return None
        found += part
    return found
