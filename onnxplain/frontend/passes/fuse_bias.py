"""MatMul or Conv followed by Add of a constant → one linear layer with a bias."""

from __future__ import annotations

from collections.abc import Collection

from torch import Tensor

from ...graph.graph import Graph, Node
from ...layers.additive import WeightedSum
from ...layers.affine.conv import Conv
from ...layers.affine.conv_transpose import ConvTranspose
from ...layers.affine.linear import Linear
from ...layers.base import Layer
from .rewrite import merge_neighbours


def fuse_bias(graph: Graph, keep: Collection[str]) -> Graph:
    """x W, then + c → x W + c; a convolution, then + c per channel → a convolution with a bias."""

    def merge(first: Node, second: Node) -> Layer | None:
        c, layer = added(second.layer), first.layer
        if c is None:
            return None
        if isinstance(layer, Linear):
            return _linear(layer, c, graph.ranks.get(first.outputs[0]))
        return _convolution(layer, c) if isinstance(layer, (Conv, ConvTranspose)) else None

    return merge_neighbours(graph, keep, merge, name="first")


def added(layer: Layer) -> Tensor | None:
    """The constant that a layer of one value adds to it, or None if it does something else."""
    if not isinstance(layer, WeightedSum) or layer.op == "Mean" or len(layer.slots) != 1 or len(layer.constant_slots) != 1:
        return None
    if layer.coefficients != (1.0,):
        return None  # c − x turns the sign of x as well
    slot = layer.constant_slots[0]
    return layer.all_coefficients[slot] * getattr(layer, f"constant_{slot}")


def _linear(layer: Linear, c: Tensor, rank: int | None) -> Linear | None:
    """With c as a row of biases, or one number; nothing that would make the value larger than the product is."""
    if layer.side != "right" or layer.vector:
        return None
    features = layer.w.shape[-1]
    if c.numel() not in (1, features) or (c.numel() == features != c.shape[-1] if c.dim() else False):
        return None
    if c.dim() > 1 and (rank is None or c.dim() > rank):
        return None
    return layer.with_bias(c.reshape(-1).expand(features).clone())


def _convolution(layer: Conv | ConvTranspose, c: Tensor) -> Layer | None:
    bias = per_channel(layer, c)
    if bias is None:
        return None
    return layer.with_weight_bias(layer.w, bias if layer.b is None else layer.b + bias, layer.border)


def per_channel(layer: Conv | ConvTranspose, c: Tensor) -> Tensor | None:
    """(channels,): a constant that meets the layer's result, if it is one number per channel or one for all."""
    channels = layer.w.shape[0] if isinstance(layer, Conv) else layer.w.shape[1] * layer.groups
    rank = layer.w.dim() - 2
    if c.dim() > rank + 2 or c.numel() not in (1, channels):
        return None
    if c.numel() != 1 and (c.dim() < rank + 1 or c.shape[-rank - 1] != channels):
        return None
    return c.reshape(-1).expand(channels).clone()
