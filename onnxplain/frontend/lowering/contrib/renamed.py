"""Operators of com.microsoft that ONNX has as well: the same, but for how they are told what to do."""

from __future__ import annotations

from ..body import Body
from .parts import whole_numbers

#: operator → the opset from which on ONNX has it; below, a layer reads it as it stands
SINCE = {"GatherND": 11, "GridSample": 16, "Trilu": 14}
MODES = {"bilinear": "linear", "bicubic": "cubic"}


def same(b: Body) -> None:
    """The operator of that name."""
    op = b.node.op_type
    if b.opset < SINCE[op]:
        return
    given = dict(b.attributes)
    if op == "GridSample" and b.opset >= 20:
        mode = given.get("mode", b"bilinear").decode()
        given["mode"] = MODES.get(mode, mode)
    b(op, *b.node.input, result=b.output(0), **given)


def arange(b: Body) -> None:
    """start, start + delta … before limit; delta is 1 where it is left out."""
    start, t = b.input(0), b.types.get(b.input(0))
    delta = b.input(2) or b("Cast", b.whole(1), to=t.elem_type if t is not None and t.elem_type else 7)
    b("Range", *(b("Reshape", v, b.ints()) for v in (start, b.input(1), delta)), result=b.output(0))


def expand_dims(b: Body) -> None:
    """A new axis at the place that a number says."""
    b("Unsqueeze", b.input(0), b("Reshape", whole_numbers(b, b.input(1)), b.ints(1)), result=b.output(0))


def pad(b: Body) -> None:
    """Pads may stand in a list of lists, the value in a list of one."""
    value = [b("Reshape", b.input(2), b.ints())] if b.input(2) else []
    b(
        "Pad",
        b.input(0),
        b("Reshape", b.input(1), b.ints(-1)),
        *value,
        result=b.output(0),
        mode=b.attr("mode", "constant"),
    )


def unique(b: Body) -> None:
    """The numbers of a row in order, and for each of the row which of them it is, and how often each is there."""
    more = ["", b.output(1), b.output(2)]
    while more and not more[-1]:
        more.pop()
    b("Unique", b.input(0), result=b.output(0), more=more, sorted=0)
