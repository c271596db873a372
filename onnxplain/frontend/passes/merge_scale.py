"""A convolution, times a constant, plus a constant, per channel: a batch normalisation as tf2onnx writes it behind a
depthwise convolution → one convolution."""

from __future__ import annotations

from collections.abc import Collection

import torch

from ...graph.graph import Graph, Node
from ...layers.affine.conv import Conv
from ...layers.affine.conv_transpose import ConvTranspose
from ...layers.affine.scale import Scale
from ...layers.base import Layer
from .fuse_bias import added, per_channel
from .rewrite import merge_neighbours


def merge_scale(graph: Graph, keep: Collection[str]) -> Graph:
    """w·a, b·a; the sum that follows becomes the bias. A product that no sum follows stays: it shares nothing out."""

    def merge(first: Node, second: Node) -> Layer | None:
        conv, scale = first.layer, second.layer
        if not isinstance(conv, (Conv, ConvTranspose)) or not isinstance(scale, Scale):
            return None
        readers = graph.consumers[second.outputs[0]]
        c = added(readers[0].layer) if len(readers) == 1 and second.outputs[0] not in keep else None
        a = per_channel(conv, scale.factor)
        if a is None or c is None or per_channel(conv, c) is None:
            return None
        return conv.scaled_after(a, torch.zeros_like(a))

    return merge_neighbours(graph, keep, merge, name="first")
