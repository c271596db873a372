"""Small parts that several operators of com.microsoft are written with."""

from __future__ import annotations

from collections.abc import Sequence

from onnx import TensorProto

from ..body import Body

MICROSOFT = "com.microsoft"


def added(b: Body, x: str, bias: str, at: str = "biased", result: str | None = None) -> str:
    """x + bias, where there is one."""
    if bias:
        return b("Add", x, bias, at=at, result=result)
    return x if result is None else b("Identity", x, result=result)


def pieces(b: Body, x: str, axis: int, sizes: Sequence[int] | None, names: Sequence[str]) -> list[str]:
    """x cut along an axis, into equal pieces where no sizes are given."""
    more = [f"{b.node.name}/{n}" for n in names[1:]]
    if sizes is None:
        count = len(names) if b.opset >= 18 else None
        first = b("Split", x, at=names[0], more=more, axis=axis, num_outputs=count)
    elif b.opset < 13:
        first = b("Split", x, at=names[0], more=more, split=list(sizes), axis=axis)
    else:
        first = b("Split", x, b.ints(*sizes), at=names[0], more=more, axis=axis)
    return [first, *more]


def cut(b: Body, x: str, start: str, end: str, axis: int) -> str:
    """x from one place to before another; both are lists of one."""
    return b("Slice", x, start, end, b.ints(axis))


def listed(b: Body, number: str) -> str:
    """A list of one."""
    return b("Reshape", number, b.ints(1))


def whole_numbers(b: Body, value: str) -> str:
    return b("Cast", value, to=TensorProto.INT64)
