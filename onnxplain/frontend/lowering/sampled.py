"""Operators that sample an image at places of their own: DeformConv, and RoiAlign in mode "max"."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto, numpy_helper

from .body import Body


def roi_align(b: Body) -> None:
    """The largest of the weighted taps of a bin; means are a layer of their own."""
    if b.attr("mode", b"avg") != b"max":
        return
    usual = "half_pixel" if b.opset >= 16 else "output_half_pixel"
    given = {"coordinate_transformation_mode": usual, **{k: v for k, v in b.attributes.items() if k != "mode"}}
    taps = b("RoiTaps", *(b.input(i) for i in range(3)), domain="onnxplain", at="taps", **given)
    b.with_axes("ReduceMax", taps, [-1], since=18, keepdims=0, result=b.output(0))


def deform_conv(b: Body) -> None:
    """The image sampled where each element of the kernel reads it, times the mask, then a convolution of 1 × 1."""
    x, w, offset, mask = (b.input(i) for i in (0, 1, 2, 4))
    channels, rank = b.size(x, 1), b.rank(x)
    kernel = b.attr("kernel_shape") or (rank and [b.size(w, 2 + a) for a in range(rank - 2)])
    if channels is None or rank is None or not kernel or None in kernel:
        return
    groups, d, points = b.attr("offset_group", 1), rank - 2, math.prod(kernel)
    out = [_length(b, offset, 2 + a) for a in range(d)]
    grid = _places(b, kernel, out, points, groups)
    grid = b("Reshape", grid, _shape(b, -1, b("Mul", b.whole(points), out[0]), *out[1:], d), at="grid")
    image = b("Reshape", x, _shape(b, -1, channels // groups, *(_length(b, x, 2 + a) for a in range(d))), at="image")
    taken = b("PlaceSample", image, grid, domain="onnxplain", at="sampled")
    if mask:
        split = b("Reshape", taken, _shape(b, -1, groups, channels // groups, points, *out))
        weights = b("Reshape", mask, _shape(b, -1, groups, 1, points, *out))
        taken = b("Mul", split, weights, at="masked")
    columns = b("Reshape", taken, _shape(b, -1, channels * points, *out))
    rows = b("Reshape", w, b.ints(0, -1, *[1] * d))
    if b.varies(3):
        y = b("Conv", columns, rows, group=b.attr("group", 1), at="conv")
        b("Add", y, b.per_channel(b.input(3), rank), result=b.output(0))
        return
    bias = [b.input(3)] if b.input(3) else []
    b("Conv", columns, rows, *bias, group=b.attr("group", 1), at="conv", result=b.output(0))


def _places(b: Body, kernel: list[int], out: list[str], points: int, groups: int) -> str:
    """(sample, group, element of the kernel, *place, axis), the last axis first, counted in elements of the image."""
    d = len(kernel)
    strides, dilations = b.attr("strides", [1] * d), b.attr("dilations", [1] * d)
    pads = b.attr("pads", [0] * 2 * d)
    offsets = b("Reshape", b.input(2), _shape(b, -1, groups, points, d, *out))
    elements = np.stack(np.meshgrid(*(np.arange(k) for k in kernel), indexing="ij"), -1).reshape(points, d)
    each = []
    for a in reversed(range(d)):
        own = elements[:, a].reshape(points, *[1] * d) * dilations[a] - pads[a]
        own_places = b("Constant", value=numpy_helper.from_array(own.astype(np.int64)))
        first = b("Mul", b("Range", b.whole(0), out[a], b.whole(1)), b.whole(strides[a]))
        first = b("Reshape", first, b.ints(*[-1 if e == a else 1 for e in range(d)]))
        regular = _float(b, b("Add", own_places, first))
        moved = b("Add", b("Gather", offsets, b.whole(a), axis=3), regular)
        each.append(b.with_axes("Unsqueeze", moved, [-1]))
    return b("Concat", *each, axis=-1, at="places")


def _float(b: Body, value: str) -> str:
    t = b.types.get(b.input(0))
    return b("Cast", value, to=t.elem_type if t is not None and t.elem_type else TensorProto.FLOAT)


def _length(b: Body, value: str, axis: int) -> str:
    size = b.size(value, axis)
    return b.length(value, axis) if size is None else b.whole(size)


def _shape(b: Body, *sizes: int | str) -> str:
    """A shape of numbers and of values computed at run time."""
    if all(isinstance(s, int) for s in sizes):
        return b.ints(*(s for s in sizes if isinstance(s, int)))
    parts = [b.ints(s) if isinstance(s, int) else b.with_axes("Unsqueeze", s, [0]) for s in sizes]
    return b("Concat", *parts, axis=0)
