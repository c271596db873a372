"""The losses of classification, which some exported training graphs hold."""

from __future__ import annotations

from onnx import TensorProto

from .body import Body


def negative_log_likelihood(b: Body) -> None:
    """−w_t x_t for the class t of each place; summed, or averaged by the weights w_t; `ignore_index` has weight 0."""
    _loss(b, b.input(0))


def softmax_cross_entropy(b: Body) -> None:
    """The same of log-softmax over the classes, axis 1."""
    x, rank = b.input(0), b.rank(b.input(0))
    logs = b.output(1) or None
    if b.opset >= 13:
        _loss(b, b("LogSoftmax", x, axis=1, at="logs", result=logs))
    elif rank is not None:  # one axis at a time it is only at the end
        last = b("Transpose", x, perm=[0, *range(2, rank), 1])
        back = [0, rank - 1, *range(1, rank - 1)]
        _loss(b, b("Transpose", b("LogSoftmax", last, axis=rank - 1), perm=back, at="logs", result=logs))


def _loss(b: Body, logs: str) -> None:
    target, weight, ignored = b.input(1), b.input(2), b.attr("ignore_index")
    classes = b.with_axes("Unsqueeze", target, [1])
    counts = None
    if ignored is not None:
        t = b.types.get(target)
        of_type = t.elem_type if t is not None and t.elem_type else TensorProto.INT64
        there = b("Equal", classes, b("Cast", b.whole(ignored), to=of_type))
        classes = b("Where", there, b("Cast", b.whole(0), to=of_type), classes, at="classes")
        counts = b("Where", there, b.number(0.0), b.number(1.0), at="counts")
    if weight:
        weights = b("Gather", weight, classes, at="weights")
        counts = weights if counts is None else b("Mul", weights, counts)
    loss = b("Neg", b("GatherElements", logs, classes, axis=1), at="losses")
    if counts is not None:
        loss = b("Mul", loss, counts, at="weighted")
    reduction = b.attr("reduction", b"mean")
    if reduction == b"none":
        b.with_axes("Squeeze", loss, [1], result=b.output(0))
    elif reduction == b"sum":
        b("ReduceSum", loss, keepdims=0, result=b.output(0))
    elif counts is None:
        b("ReduceMean", loss, keepdims=0, result=b.output(0))
    else:
        parts = (b("ReduceSum", v, keepdims=0) for v in (loss, counts))
        b("Div", *parts, result=b.output(0))
