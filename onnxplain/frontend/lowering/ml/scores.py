"""What classifiers and regressors make of their scores: labels, probabilities, two columns of one score."""

from __future__ import annotations

import math

import numpy as np
from onnx import TensorProto

from ..body import Body
from .constants import OWN, floats, integers, text, texts

#: scores this close to 0 stay 0 under SOFTMAX_ZERO
ZERO = 1e-7


def transform_of(b: Body) -> str:
    return text(b.attr("post_transform", b"NONE"))


def transformed(b: Body, scores: str, columns: int, transform: str) -> None:
    """The scores, (sample, column), under a post_transform, as the node's last output. onnxruntime leaves a single column
    as it is, whatever the standard says, unless PROBIT is asked for."""
    result = b.output(1) if len(b.node.output) > 1 else b.output(0)
    if transform == "PROBIT":
        b("Probit", scores, domain=OWN, result=result)
    elif columns < 2 or transform == "NONE":
        b("Identity", scores, result=result)
    elif transform == "LOGISTIC":
        b("Sigmoid", scores, result=result)
    elif transform == "SOFTMAX":
        b("Softmax", scores, axis=1, result=result)
    else:
        kept = b("Greater", b("Abs", scores), floats(b, ZERO))
        some = b.with_axes("ReduceMax", b("Abs", scores), [1], since=18, keepdims=1)
        e = b("Softmax", b("Where", kept, scores, floats(b, -math.inf)), axis=1)
        b("Where", b("Greater", some, floats(b, ZERO)), e, floats(b, 0.0), result=result)


def classes(b: Body) -> np.ndarray | None:
    """The class labels: integers, or text; None where the node has none."""
    for name in ("classlabels_ints", "classlabels_int64s"):
        if b.attr(name):
            return np.array(b.attr(name), np.int64)
    return np.array([text(s) for s in found], object) if (found := b.attr("classlabels_strings")) else None


def labelled(b: Body, place: str, labels: np.ndarray) -> None:
    """The first output: the label at each sample's place, (sample,)."""
    if b.output(0):
        table = texts(b, labels) if labels.dtype == object else integers(b, labels)
        b("Gather", table, place, axis=0, result=b.output(0))


def largest(b: Body, scores: str) -> str:
    """The first column that no other is larger than."""
    return b("ArgMax", scores, axis=1, keepdims=0)


def above(b: Body, scores: str, column: int, threshold: float) -> str:
    """1 for samples whose score in a column is above a threshold, else 0."""
    one = b("Gather", scores, b.whole(column), axis=1)
    return b("Cast", b("Greater", one, floats(b, threshold)), to=TensorProto.INT64)
