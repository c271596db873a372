"""A linear layer next to a BatchNormalization, before or after it → one linear layer, by data flow."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeGuard

from ...graph.graph import Graph, Node
from ...layers.affine.batch_norm import BatchNorm
from ...layers.affine.conv import Conv
from ...layers.affine.conv_transpose import ConvTranspose
from ...layers.affine.linear import Linear
from ...layers.base import Layer
from .rewrite import merge_neighbours


def merge_batch_norm(graph: Graph, keep: Collection[str]) -> Graph:
    """w·γ/σ, (b − μ)γ/σ + β for a normalisation behind the layer; w·γ/σ, b + w·shift for one before it, exact along
    zero-padded borders too (there the shift reaches fewer weights)."""

    def after(first: Node, second: Node) -> Layer | None:
        norm, linear = second.layer, first.layer
        if not isinstance(norm, BatchNorm) or not _mergeable(linear, graph, second):
            return None
        return linear.scaled_after(norm.scale, norm.shift)

    def before(first: Node, second: Node) -> Layer | None:
        norm, linear = first.layer, second.layer
        if not isinstance(norm, BatchNorm) or not _mergeable(linear, graph, first):
            return None
        return linear.scaled_before(norm.scale, norm.shift)

    graph = merge_neighbours(graph, keep, after, name="first")
    return merge_neighbours(graph, keep, before, name="second")


def _mergeable(layer: Layer, graph: Graph, norm: Node) -> TypeGuard[Conv | ConvTranspose | Linear]:
    """Channels are the axis that both work on: always so for convolutions; for x W where values have two axes."""
    if isinstance(layer, Linear):
        return layer.plain and graph.ranks.get(norm.outputs[0]) == 2
    return isinstance(layer, (Conv, ConvTranspose))
