"""Parameters that are lists of integers: attributes in older opsets, constant or computed inputs in newer ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .base import OnnxNode

#: ONNX's TensorProto.DataType → torch dtype; unsigned types that torch hardly computes in are widened
_TYPES: dict[int, torch.dtype] = {
    2: torch.uint8,
    3: torch.int8,
    4: torch.int64,
    5: torch.int16,
    6: torch.int32,
    7: torch.int64,
    9: torch.bool,
    12: torch.int64,
    13: torch.int64,
}
_FLOATING = frozenset({1, 10, 11, 16})


def dtype_of(element: int, node: OnnxNode) -> torch.dtype | None:
    """The dtype of an ONNX element type; every floating one is the model's own; None for strings and 4 or 8 bits."""
    return node.dtype if element in _FLOATING else _TYPES.get(element)


class Ints:
    """Integers given as attribute `name`, as constant input `position`, or computed at run time as that input."""

    def __init__(self, node: OnnxNode, name: str, position: int, default: Any = None) -> None:
        self.position = position
        self.dynamic = node.is_dynamic(position)
        self.constant: Any = node.ints(name, position, default)

    def of(self, args: Sequence[Any]) -> Any:
        """The integers, with `args` the full ONNX argument list; the default where the node has none."""
        return args[self.position].reshape(-1).tolist() if self.dynamic else self.constant


def unread(node: OnnxNode, parameters: Sequence[Ints]) -> tuple[list[Tensor | None], list[bool]]:
    """(constants, dynamic) of the inputs still to be bound once `parameters` have been read, without a tail of none."""
    read = {p.position for p in parameters}
    constants = [None if i in read else node.constant(i) for i in range(len(node.dynamic))]
    n = max((i + 1 for i, d in enumerate(node.dynamic) if d or constants[i] is not None), default=0)
    return constants[:n], list(node.dynamic[:n])


def given(args: Sequence[Any], i: int) -> Any:
    """Argument i, or None where the node has none."""
    return args[i] if i < len(args) else None
