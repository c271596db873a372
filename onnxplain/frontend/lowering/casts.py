"""CastLike as the Cast that it is, where the type it takes is known; casts from and to text."""

from __future__ import annotations

from onnx import TensorProto

from .body import Body


def cast_like(b: Body) -> None:
    like = b.types.get(b.input(1))
    if like is None or not like.tensor or not like.elem_type:
        return
    b("Cast", b.input(0), result=b.output(0), to=like.elem_type, saturate=b.attr("saturate"), round_mode=b.attr("round_mode"))


def cast(b: Body) -> None:
    given, to = b.types.get(b.input(0)), b.attr("to")
    if given is None or not given.tensor or TensorProto.STRING not in (given.elem_type, to):
        return
    if given.elem_type == to:
        b("Identity", b.input(0), result=b.output(0))
    elif to == TensorProto.STRING:
        truth = int(given.elem_type == TensorProto.BOOL)
        b("Printed", b.input(0), domain="onnxplain", result=b.output(0), to=to, truth=truth)
    else:
        b("Parsed", b.input(0), domain="onnxplain", result=b.output(0), to=to)
