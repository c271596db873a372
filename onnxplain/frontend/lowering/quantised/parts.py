"""What the parts of quantised operators have in common."""

from __future__ import annotations

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..body import Body

#: 2 is what a layer takes an unnamed type for
BYTES = TensorProto.UINT8


def number(b: Body, value: float) -> str:
    return b("Constant", value=numpy_helper.from_array(np.array(value, np.float32)))


def real(b: Body, q: str, scale: str, zero_point: str, axis: int = 1, at: str | None = None) -> str:
    """(q − z) s."""
    return b("DequantizeLinear", q, scale, *([zero_point] if zero_point else []), axis=axis, at=at)


def steps(b: Body, q: str, zero_point: str, axis: int = 1, at: str | None = None) -> str:
    """q − z: whole numbers, which add up without rounding."""
    return real(b, q, number(b, 1.0), zero_point, axis, at)


def element(b: Body, zero_point: str, like: str = "") -> int:
    """The type to round to: the zero point's; failing that `like`'s, or bytes."""
    found = (b.types.get(v) for v in (zero_point, like) if v)
    return next((t.elem_type for t in found if t is not None and t.elem_type), BYTES)


def rounded(
    b: Body, x: str, scale: str, zero_point: str, like: str = "", inverse: bool = False, together: bool = False, axis: int = 1
) -> None:
    """The node's first output: x in steps of `scale` (of 1 / `scale`: `inverse`), rounded."""
    inputs = [x, scale, zero_point] if zero_point else [x, scale]
    b(
        "QuantizeLinear",
        *inputs,
        result=b.output(0),
        at="rounded",
        axis=axis,
        output_dtype=element(b, zero_point, like),
        inverse=int(inverse),
        together=int(together),
    )


def factor(b: Body, x_scale: str, w_scale: str, y_scale: str) -> str:
    """s_x s_w / s_y, in the order in which onnxruntime rounds it."""
    return b("Div", b("Mul", x_scale, w_scale), y_scale)


def typed(b: Body) -> None:
    """QuantizeLinear that says itself what it rounds to: a layer sees the numbers of its zero point, not their type."""
    to = element(b, b.input(2))
    if to == BYTES or b.attr("output_dtype"):
        return
    copy = NodeProto()
    copy.CopyFrom(b.node)
    copy.attribute.append(helper.make_attribute("output_dtype", to))
    b.nodes.append(copy)


def dynamic_quantize(b: Body) -> None:
    """DynamicQuantizeLinear: the range, measured, and a quantisation by it."""
    if b.attr("measured"):
        return
    scale, zero_point = measured(b, b.input(0), b.output(1), b.output(2))
    b("QuantizeLinear", b.input(0), scale, zero_point, result=b.output(0))


def measured(b: Body, x: str, scale: str = "", zero_point: str = "") -> tuple[str, str]:
    """(scale, zero point) of what x holds in this forward pass; the names they get where not their parts'."""
    scale, zero_point = scale or f"{b.node.name}/scale", zero_point or f"{b.node.name}/zero point"
    b("DynamicQuantizeLinear", x, at="range", more=(scale, zero_point), measured=1)
    return scale, zero_point


def moved(b: Body, x: str, rank: int | None, back: bool, result: str | None = None) -> str:
    """Channels to axis 1, or `back` to the end."""
    axes = list(range(1, (4 if rank is None else rank) - 1))
    last = len(axes) + 1
    return b("Transpose", x, perm=[0, *(a + 1 for a in axes), 1] if back else [0, last, *axes], result=result)
