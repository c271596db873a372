"""Means and variances over axes as exporters write them, with or without the axes they were taken over."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...graph.graph import Graph
from ...layers.affine.reduce import Reduce
from ...layers.routing.reshape import Unsqueeze
from .spelled import clipped_below, difference, function, inputs_of, layer_of, power, reduced, spread, times

#: an axis range of x: numbers as the model writes them; or all axes from one on
Axes = tuple[int, ...]


@dataclass(frozen=True)
class Over:
    """A statistic of `x`: `reduction` is the layer that took it, `value` what came out of it."""

    x: str
    reduction: Reduce
    value: str


def axes_of(graph: Graph, over: Over) -> Axes | None:
    """The axes of x, negative where the model counts from the end; None where they are not known."""
    rank = graph.ranks.get(over.x)
    if over.reduction.axes is not None:
        return tuple(sorted(a if rank is None or a < 0 else a - rank for a in over.reduction.axes))
    return None if rank is None else tuple(range(over.reduction.kept - rank, 0))


def mean(graph: Graph, value: str) -> Over | None:
    """The mean of x that `value` is, or only spreads out: an average, or a sum times 1/n."""
    value = spread(graph, value)
    if (found := reduced(graph, value, mean=True)) is not None:
        return Over(*found, value)
    found_times = times(graph, value)
    summed = None if found_times is None else spread(graph, found_times[0])
    found = None if summed is None else reduced(graph, summed, mean=False)
    if found is None or found_times is None or summed is None:
        return None
    over = Over(*found, summed)
    n = _size(graph, over)
    return over if n is not None and abs(n * found_times[1] - 1) <= 1e-6 else None


def _size(graph: Graph, over: Over) -> int | None:
    """How many elements it is taken over."""
    shape, axes = graph.shapes.get(over.x), axes_of(graph, over)
    if shape is None or axes is None:
        return None
    sizes = [shape[a] for a in axes]
    return None if None in sizes else math.prod(s for s in sizes if s is not None)


def beside(graph: Graph, value: str, over: Over) -> bool:
    """Whether a statistic, as `value` holds it, stands against x as its axes did: with size 1 where it was taken.

    A size that is free in both is taken for the same one.
    """
    if over.reduction.keepdims and value == over.value or _only_elementwise(graph, value, over):
        return True
    axes, rank = axes_of(graph, over), graph.ranks.get(over.x)
    shape, taken = graph.shapes.get(value), graph.shapes.get(over.value)
    if axes is None or rank is None or shape is None or taken is None or len(shape) != rank or len(taken) not in (rank, rank - len(axes)):
        return False
    here = {a % rank for a in axes}
    kept = [n for a, n in enumerate(shape) if a not in here]
    before = [n for a, n in enumerate(taken) if a not in here] if len(taken) == rank else list(taken)
    return all(shape[a] == 1 for a in here) and kept == before and kept.count(None) <= 1


def _only_elementwise(graph: Graph, value: str, over: Over) -> bool:
    """The axes are still there, or were put back one by one."""
    while value != over.value:
        layer = layer_of(graph, value)
        if isinstance(layer, Unsqueeze):
            return not over.reduction.keepdims and inputs_of(graph, value)[0] == over.value and _same_axes(graph, layer, value, over)
        if layer is None or layer.kind == "Routing" or not inputs_of(graph, value):
            return False
        value = inputs_of(graph, value)[0]
    return over.reduction.keepdims


def _same_axes(graph: Graph, layer: Unsqueeze, value: str, over: Over) -> bool:
    put, taken = layer.axes.constant, over.reduction.axes
    if put is None or layer.axes.dynamic or taken is None:
        return False
    if sorted(put) == sorted(taken):
        return True
    rank = graph.ranks.get(over.x)
    return rank is not None and sorted(a % rank for a in put) == sorted(a % rank for a in taken)


def centred(graph: Graph, value: str) -> Over | None:
    """x and its mean, of x − mean x."""
    pair = difference(graph, value)
    over = None if pair is None else mean(graph, pair[1])
    return over if pair is not None and over is not None and over.x == pair[0] and beside(graph, pair[1], over) else None


def mean_square(graph: Graph, value: str) -> tuple[str, Over] | None:
    """(u, where) of mean u²."""
    over = mean(graph, value)
    u = None if over is None else power(graph, over.x, 2.0)
    return None if over is None or u is None else (u, over)


def variance(graph: Graph, value: str) -> tuple[str, Over] | None:
    """(x, where) of mean (x − mean x)², or of mean x² − (mean x)², which may be clipped at 0."""
    value = spread(graph, value)
    if (found := mean_square(graph, value)) is not None:
        inner = centred(graph, found[0])
        return (inner.x, found[1]) if inner is not None and same_axes(graph, inner, found[1]) else None
    for clipped in (clipped_below(graph, value, 0.0), function(graph, value, "Relu")):
        if clipped is not None:
            return variance(graph, clipped)
    pair = difference(graph, value)
    squares = None if pair is None else mean_square(graph, pair[0])
    root = None if pair is None else power(graph, pair[1], 2.0)
    over = None if root is None else mean(graph, root)
    if pair is None or squares is None or over is None or squares[0] != over.x or not same_axes(graph, over, squares[1]):
        return None
    alike = over.reduction.keepdims == squares[1].reduction.keepdims
    return (over.x, squares[1]) if alike and graph.shapes.get(pair[0]) == graph.shapes.get(pair[1]) else None


def same_axes(graph: Graph, a: Over, b: Over) -> bool:
    """For statistics of values of the same shape."""
    if (a.reduction.axes, a.reduction.kept) == (b.reduction.axes, b.reduction.kept):
        return True
    first = axes_of(graph, a)
    return first is not None and first == axes_of(graph, b)


def trailing(axes: Sequence[int]) -> int | None:
    """The first of axes that reach to the last one without a gap, counted from the end."""
    return min(axes) if sorted(axes) == list(range(-len(axes), 0)) else None
