"""Operators that are made of others → those others, before any layer is chosen: each rule then meets a part it knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from onnx import NodeProto

from ..types import ValueType
from .attention import attention
from .body import Body
from .rotary import rotary_embedding

#: operator → what writes its parts
LOWERED: dict[str, Callable[[Body], None]] = {"Attention": attention, "RotaryEmbedding": rotary_embedding}


def lower(nodes: Sequence[NodeProto], types: Mapping[str, ValueType]) -> list[NodeProto]:
    """The nodes with every one that has a row in `LOWERED` replaced by its parts, named "<node>/<part>"."""
    out: list[NodeProto] = []
    for n in nodes:
        write = LOWERED.get(n.op_type) if n.domain in ("", "ai.onnx") else None
        if write is None:
            out.append(n)
        else:
            body = Body(n, types)
            write(body)
            out += body.nodes
    return out
