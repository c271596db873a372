"""One model that says the same in the words of each opset: attributes that became inputs, and changed defaults."""

from __future__ import annotations

import numpy as np
from onnx import ModelProto

from .build import Writer

OPSETS = (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23)


def many_words(opset: int) -> ModelProto:
    w = Writer(21)
    ints = lambda *v: w.constant(np.array(v, np.int64))
    h = w.batch_norm(w.node("Conv", "x", w.weight(4, 2, 3, 3), w.weight(4), pads=[1, 1, 1, 1]), 4)
    h = w.node("Clip", h, min=-1.5, max=2.0) if opset < 11 else w.node("Clip", h, w.constant(-1.5), w.constant(2.0))
    h = (
        w.node("Pad", h, pads=[0, 0, 1, 1, 0, 0, 1, 0])
        if opset < 11
        else w.node("Pad", h, ints(0, 0, 1, 1, 0, 0, 1, 0))
    )
    if opset < 10:
        h = w.node("Slice", h, axes=[2, 3], starts=[1, -5], ends=[100, -1])
    else:
        h = w.node("Slice", h, ints(1, -5), ints(100, -1), ints(2, 3))
    h = w.node("Upsample", h, mode="nearest", scales=[1.0, 1.0, 2.0, 2.0]) if opset < 9 else h
    if opset == 9:
        h = w.node("Upsample", h, w.constant([1.0, 1.0, 2.0, 2.0]), mode="nearest")
    if opset == 10:
        h = w.node("Resize", h, w.constant([1.0, 1.0, 2.0, 2.0]), mode="nearest")
    if opset in (11, 12):
        roi, scales = w.constant(np.zeros(0, np.float32)), w.constant([1.0, 1.0, 2.0, 2.0])
        h = w.node(
            "Resize", h, roi, scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    if opset >= 13:
        scales = w.constant([1.0, 1.0, 2.0, 2.0])
        h = w.node(
            "Resize", h, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
    names = [f"part {i}" for i in range(2)]
    a, b = (
        w.node("Split", h, to=names, axis=1, split=[1, 3])
        if opset < 13
        else w.node("Split", h, ints(1, 3), to=names, axis=1)
    )
    h = w.node("Concat", b, w.node("LeakyRelu", a, alpha=0.3), axis=1)
    h, _ = w.node("Dropout", h, to=["kept", "mask"])
    mean = w.node("ReduceMean", h, axes=[2, 3]) if opset < 18 else w.node("ReduceMean", h, ints(2, 3))
    flat = w.node("Squeeze", mean, axes=[2, 3]) if opset < 13 else w.node("Squeeze", mean, ints(2, 3))
    wide = w.node("Unsqueeze", flat, axes=[1]) if opset < 13 else w.node("Unsqueeze", flat, ints(1))
    total = (
        w.node("ReduceSum", wide, axes=[1], keepdims=0)
        if opset < 13
        else w.node("ReduceSum", wide, ints(1), keepdims=0)
    )
    scores = w.dense(total, 4, 5, to="scores")
    best, _ = (
        w.node("TopK", scores, to=["best", "places"], k=2)
        if opset < 10
        else w.node("TopK", scores, ints(2), to=["best", "places"])
    )
    w.node("Softmax", w.node("Concat", scores, best, axis=1), axis=1, to="y")
    return w.model({"x": ("N", 2, 6, 6)}, {"y": ("N", 7)}, opset)
