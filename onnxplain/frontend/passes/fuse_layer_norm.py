"""(x − μ)/√(σ² + ε), written out in some of the many ways there are → one normalization, with its γ and β."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from torch import Tensor

from ...graph.graph import Graph, Node
from ...layers.additive import WeightedSum
from ...layers.affine.scale import Scale
from ...layers.base import Layer
from ...layers.normalization import LayerNormalization, Normalizer, RMSNormalization
from ...layers.over_axes import OverAxes
from ...layers.product.pointwise import Div, Mul
from .fuse_bias import added
from .rewrite import Fused, fuse, merge_neighbours
from .spelled import either_way, plus, power, product, quotient, rsqrt, scaled, shifted, spread, sum_of_two
from .statistics import Over, axes_of, beside, centred, mean, same_axes, trailing, variance


def fuse_layer_norm(graph: Graph, keep: Collection[str]) -> Graph:
    """a / √(σ² + ε) and a · γ(σ² + ε)^(−½) with a = x − μ; and x m + (β − μ m) with m = γ(σ² + ε)^(−½).

    σ² is the mean of (x − μ)², or mean x² − μ²; a mean may be a sum times 1/n. Then γ and β, where they follow.
    """
    graph = fuse(graph, keep, _layer_norm)
    return merge_neighbours(graph, keep, _with_parameter, name="first")


def _layer_norm(graph: Graph, last: Node) -> Fused | None:
    y = last.outputs[0]
    if isinstance(last.layer, (Div, Mul)):
        for a, s, gamma in normalized(graph, last):
            over = centred(graph, a)
            found = scale_of(graph, s, over) if over is not None else None
            if over is not None and found is not None:
                return fused(graph, over, found, True, gamma, None)
    elif isinstance(last.layer, WeightedSum):
        return _as_affine(graph, y)
    return None


def normalized(graph: Graph, last: Node) -> Iterator[tuple[str, str, Tensor | None]]:
    """(a, q, γ) for the ways in which `last` can be a · γ q^(−½)."""
    y = last.outputs[0]
    pair = quotient(graph, y)
    root = None if pair is None else power(graph, spread(graph, pair[1]), 0.5)
    if pair is not None and root is not None:
        yield pair[0], root, None
    for a, m in either_way(product(graph, y)):
        inner, gamma = scaled(graph, m) or (m, None)
        if (q := rsqrt(graph, spread(graph, inner))) is not None:
            yield a, q, gamma


def scale_of(graph: Graph, q: str, over: Over) -> float | None:
    """ε, where q = σ² + ε with the variance of `over`'s value over the same axes."""
    found = plus(graph, spread(graph, q))
    moment = None if found is None else variance(graph, found[0])
    if found is None or moment is None or moment[0] != over.x or not same_axes(graph, moment[1], over):
        return None
    return found[1] if beside(graph, q, moment[1]) else None


def _as_affine(graph: Graph, y: str) -> Fused | None:
    """x m + (β − μ m), as TensorFlow writes it."""
    terms = sum_of_two(graph, y)
    for p, rest in either_way(terms[:2] if terms is not None else None):
        if terms is None or (terms[2] == -1 and p != terms[0]):
            continue
        beta: Tensor | None = None
        sign = terms[2]
        if (moved := shifted(graph, rest)) is not None and sign == 1:
            rest, sign, beta = moved
        for x, m in either_way(product(graph, p)):
            for negative, n in either_way(product(graph, rest)):
                average, minus = _maybe_negative(graph, negative)
                over = mean(graph, average)
                if n != m or over is None or over.x != x or sign * minus != -1 or not beside(graph, average, over):
                    continue
                inner, gamma = scaled(graph, m) or (m, None)
                q = rsqrt(graph, spread(graph, inner))
                epsilon = None if q is None else scale_of(graph, q, over)
                if epsilon is not None:
                    return fused(graph, over, epsilon, True, gamma, beta)
    return None


def _maybe_negative(graph: Graph, value: str) -> tuple[str, int]:
    found = scaled(graph, value)
    return (found[0], -1) if found is not None and found[1].numel() == 1 and float(found[1]) == -1 else (value, 1)


def fused(graph: Graph, over: Over, epsilon: float, centre: bool, gamma: Tensor | None, beta: Tensor | None) -> Fused | None:
    """The layer that is this normalization: ONNX's own where it is over the last axes."""
    rank, axes = graph.ranks.get(over.x), axes_of(graph, over)
    for p in (gamma, beta):
        if p is not None and p.dim() > (1 if rank is None else rank):
            return None
    if axes is None and over.reduction.axes is None:
        first: int | None = over.reduction.kept
    else:
        first = None if axes is None or any(a >= 0 for a in axes) else trailing(axes)
    if first is not None and (centre or beta is None):
        g, b = (None if p is None else _without_ones(p, -first if first < 0 else 1) for p in (gamma, beta))
        if centre:
            return Fused("LayerNormalization", LayerNormalization(g, b, epsilon, first), over.x)
        return Fused("RMSNormalization", RMSNormalization(g, epsilon, first), over.x)
    if axes is None:
        return None
    op = "LayerNormalization" if centre else "RMSNormalization"
    return Fused(op, OverAxes(axes, epsilon, centre, gamma, beta), over.x)


def _without_ones(p: Tensor, rank: int) -> Tensor:
    """Without leading axes of size 1, down to `rank` axes."""
    while p.dim() > rank and p.shape[0] == 1:
        p = p[0]
    return p


def _with_parameter(first: Node, second: Node) -> Layer | None:
    """A normalization without γ and β, then · γ; or without β, then + β."""
    norm = first.layer
    if not isinstance(norm, (LayerNormalization, RMSNormalization, OverAxes)) or norm.n_outputs != 1:
        return None
    if isinstance(second.layer, Scale) and norm.gamma is None and norm.beta is None:
        return _rebuilt(norm, second.layer.factor, None)
    offset = added(second.layer) if norm.beta is None and not isinstance(norm, RMSNormalization) else None
    return None if offset is None else _rebuilt(norm, norm.gamma, offset)


def _rebuilt(norm: Normalizer, gamma: Tensor | None, beta: Tensor | None) -> Layer | None:
    """With these parameters, unless they might give the result more axes than x has."""
    if isinstance(norm, OverAxes):
        most = max(1, *(-a for a in norm.axes))
    else:
        assert isinstance(norm, (LayerNormalization, RMSNormalization))
        most = -norm.axis if norm.axis < 0 else 1
    g, b = (None if p is None else _without_ones(p, most) if p.numel() > 1 else p.reshape(()) for p in (gamma, beta))
    if any(p is not None and p.dim() > most for p in (g, b)):
        return None
    if isinstance(norm, OverAxes):
        return OverAxes(norm.axes, norm.epsilon, norm.centred, g, b)
    if isinstance(norm, RMSNormalization):
        return RMSNormalization(g, norm.epsilon, norm.axis)
    assert isinstance(norm, LayerNormalization)
    return LayerNormalization(g, b, norm.epsilon, norm.axis)

