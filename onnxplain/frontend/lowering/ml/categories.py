"""Categories: looked up in a table, or spread out into columns."""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from ...strings import UNUSED
from ..body import Body
from .constants import DOMAIN, OWN, elem_type, text

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE)
#: what a key that is not in the table becomes, where the node does not say
DEFAULTS: dict[str, Any] = {"int64": -1, "float": -0.0, "string": UNUSED}


def label_encoder(b: Body) -> None:
    """A table look-up with its default stated: older nodes leave it out, the oldest have one list of classes."""
    if (classes := b.attr("classes_strings")) is not None:
        _two_way(b, classes, list(range(len(classes))))
        return
    kind = next(
        (k for k in (*DEFAULTS, "tensor") if b.attr(f"values_{k}s" if k != "tensor" else "values_tensor")), None
    )
    if kind is None or b.attr(f"default_{kind}") is not None:
        return
    if kind != "tensor":
        default = DEFAULTS[kind]
    else:
        values = b.attr("values_tensor")
        of = "string" if values.data_type == TensorProto.STRING else "float" if values.data_type in FLOATS else "int64"
        dtype = object if of == "string" else helper.tensor_dtype_to_np_dtype(values.data_type)
        default = numpy_helper.from_array(np.array([DEFAULTS[of]], dtype), "default")
    table = {k: v for k, v in b.attributes.items() if k.startswith(("keys_", "values_"))}
    b(
        "LabelEncoder",
        b.input(0),
        domain=DOMAIN,
        result=b.output(0),
        at="table",
        **table,
        **{f"default_{kind}": default},
    )


def category_mapper(b: Body) -> None:
    """Text to integers or integers to text, as the input is one or the other."""
    texts, numbers = b.attr("cats_strings"), b.attr("cats_int64s")
    if texts and numbers:
        _two_way(b, texts, numbers)


def _two_way(b: Body, texts: list[bytes], numbers: list[int]) -> None:
    if elem_type(b, 0) == TensorProto.STRING:
        table: dict[str, Any] = {
            "keys_strings": texts,
            "values_int64s": numbers,
            "default_int64": b.attr("default_int64", -1),
        }
    elif elem_type(b, 0):
        default = text(b.attr("default_string", UNUSED))
        table = {"keys_int64s": numbers, "values_strings": texts, "default_string": default}
    else:
        return
    b("LabelEncoder", b.input(0), domain=DOMAIN, result=b.output(0), at="table", **table)


def one_hot_encoder(b: Body) -> None:
    """Of integers and text it is a layer; numbers are first given a last axis of 1, along which they meet their categories.

    A number that is no category is all zeros; where that is an error (`zeros=0`) it is not known here.
    """
    if elem_type(b, 0) not in FLOATS or not b.attr("cats_int64s") or not b.attr("zeros", 1):
        return
    last = b.with_axes("Unsqueeze", b.input(0), [-1]) if b.opset >= 11 else _before_11(b)
    if last:
        b("Indicator", last, domain=OWN, categories=list(b.attr("cats_int64s")), at="categories", result=b.output(0))


def _before_11(b: Body) -> str:
    """Axes counted from the end came with opset 11."""
    rank = b.rank(b.input(0))
    return "" if rank is None else b("Unsqueeze", b.input(0), axes=[rank])
