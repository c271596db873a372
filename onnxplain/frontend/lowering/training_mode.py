"""Layers left in training mode: batch normalisation by the batch's own statistics, dropout with its mask."""

from __future__ import annotations

from zlib import crc32

from .body import Body
from .norms import batch_norm as with_stored_statistics

DOMAIN = "onnxplain"


def batch_norm(b: Body) -> None:
    """With stored statistics; in training mode, with each channel's over all samples and places: an instance
    normalisation of one sample that holds them all. The running statistics are moved towards these."""
    rank = b.rank(b.input(0))
    if not b.attr("training_mode", 0):
        if not b.output(1):  # by which older files ask for training
            with_stored_statistics(b)
        return
    if rank is None or rank < 2:
        return
    x = b("Together", b.input(0), domain=DOMAIN, at="together")
    turned = (1, 0, *range(2, rank))  # its own inverse
    first = b("Transpose", x, perm=turned, at="channels first")
    flat = b("Unsqueeze", b("Flatten", first, axis=1), b.ints(0), at="one sample")
    y = b("InstanceNormalization", flat, b.input(1), b.input(2), epsilon=b.attr("epsilon", 1e-5), at="normalized")
    shaped = b("Reshape", y, b("Shape", first), at="in shape")
    b("Transpose", shaped, perm=turned, result=b.output(0))
    if not (b.output(1) or b.output(2)):
        return
    axes, kept = [0, *range(2, rank)], b.number(b.attr("momentum", 0.9))
    new = b("Sub", b.number(1.0), kept)
    mean = b.with_axes("ReduceMean", x, axes, 18, keepdims=1)
    d = b("Sub", x, mean)
    found = (b("Reshape", mean, b.ints(-1)), b.with_axes("ReduceMean", b("Mul", d, d), axes, 18, keepdims=0))
    for k, statistic in enumerate(found):
        if b.output(1 + k):
            b("Add", b("Mul", b.input(3 + k), kept), b("Mul", statistic, new), result=b.output(1 + k))


def dropout(b: Body) -> None:
    """Where the mode is an input, and the mask is read: x and the mask by nodes of their own, which draw the same."""
    if not (b.input(2) and b.output(1)):
        return
    seed = b.attr("seed", crc32(b.node.name.encode()))
    b("Dropout", *b.node.input, result=b.output(0), seed=seed)
    b("Kept", *b.node.input, domain=DOMAIN, result=b.output(1), seed=seed)
