"""Columns scaled, normalised, picked and put side by side."""

from __future__ import annotations

import numpy as np

from ..body import Body
from .constants import as_floats, floats, integers, text


def scaler(b: Body) -> None:
    """(x − offset) · scale."""
    offset, scale = b.attr("offset", [0.0]), b.attr("scale", [1.0])
    b("Mul", b("Sub", as_floats(b), floats(b, offset)), floats(b, scale), result=b.output(0))


def normalizer(b: Body) -> None:
    """x / ‖x‖ along the features, or x over its largest element (not the largest size); a norm of 0 divides by nothing."""
    norm = text(b.attr("norm", b"MAX"))
    if norm in ("L1", "L2"):
        b("LpNormalization", as_floats(b), axis=-1, p=int(norm[1]), result=b.output(0))
    elif norm == "MAX":
        x = as_floats(b)
        largest = b.with_axes("ReduceMax", x, [-1], since=18, keepdims=1)
        nothing = b("Equal", largest, b.number(0.0))
        b("Div", x, b("Where", nothing, b.number(1.0), largest), result=b.output(0))


def array_feature_extractor(b: Body) -> None:
    """The columns at some places; a vector is a single row."""
    x, places = b.input(0), b("Reshape", b.input(1), b.ints(-1))
    if b.rank(x) == 1:
        x = b("Reshape", x, b.ints(1, -1))
    b("Gather", x, places, axis=-1, result=b.output(0))


def feature_vectorizer(b: Body) -> None:
    """The columns of all inputs side by side, of each as many as it says: cut off, or filled up with zeros."""
    wanted = b.attr("inputdimensions", ())
    if len(wanted) != len(b.node.input) or any(b.rank(v) != 2 for v in b.node.input):
        return
    parts = []
    for i, n in enumerate(wanted):
        width, x = b.size(b.input(i), 1), as_floats(b, i)
        if width is None or width < n:
            x = b("MatMul", x, floats(b, np.eye(width or n, n)))
        elif width > n:
            x = b("Gather", x, integers(b, range(n)), axis=1)
        parts.append(x)
    b("Concat", *parts, axis=1, result=b.output(0))
