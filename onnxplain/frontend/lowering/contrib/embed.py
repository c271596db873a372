"""Embeddings: rows of tables, added up and normalized."""

from __future__ import annotations

from onnx import TensorProto

from ..body import Body
from ..heads import counted
from .parts import whole_numbers


def embed_layer_normalization(b: Body) -> None:
    """norm(word[ids] + position[0, 1, 2 …] + segment[segments]); also how many tokens of a mask count."""
    ids, segments, positions, mask = b.input(0), b.input(1), b.input(8), b.input(7)
    x = b("Gather", b.input(2), ids, axis=0, at="words")
    if segments:  # before the positions, as BERT has it: ε counts in the order of sums
        x = b("Add", x, b("Gather", b.input(4), segments, axis=0, at="segments"), at="words and segments")
    if not positions:
        positions = b.with_axes("Unsqueeze", counted(b, b.length(ids, 1)), [0])
    x = b("Add", x, b("Gather", b.input(3), positions, axis=0, at="positions"), at="embedded")
    if b.output(2):
        b("Identity", x, result=b.output(2))
    epsilon = b.attr("epsilon", 1e-12)
    b("LayerNormalization", x, b.input(5), b.input(6), at="normalized", result=b.output(0), epsilon=epsilon, axis=-1)
    if b.output(1):
        # without a mask onnxruntime writes zeros
        counts = b("Equal", whole_numbers(b, mask), b.whole(1)) if mask else b("Not", b("Equal", ids, ids))
        ones = whole_numbers(b, counts)
        b("Cast", b.with_axes("ReduceSum", ones, [1], keepdims=0), to=TensorProto.INT32, result=b.output(1))


def torch_embedding(b: Body) -> None:
    """weight[indices]; `padding_idx` and `scale_grad_by_freq` only matter in training."""
    b("Gather", b.input(0), b.input(1), axis=0, result=b.output(0))
