"""Writing the parts of one node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..types import ValueType


class Body:
    """The parts of `node`, written one after the other: `b("MatMul", a, b, at="scores")` gives the name of its result.

    `at` names a part; the others are numbered.
    """

    def __init__(self, node: NodeProto, types: Mapping[str, ValueType]) -> None:
        self.node, self.types = node, types
        self.nodes: list[NodeProto] = []
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}

    def attr(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def input(self, i: int) -> str:
        """The name of input i, "" where it was left out."""
        return self.node.input[i] if i < len(self.node.input) else ""

    def output(self, i: int) -> str:
        return self.node.output[i] if i < len(self.node.output) else ""

    def rank(self, value: str) -> int | None:
        t = self.types.get(value)
        return None if t is None or t.shape is None else len(t.shape)

    def size(self, value: str, axis: int) -> int | None:
        """How long an axis is, where it is known."""
        t = self.types.get(value)
        sizes = None if t is None else t.sizes
        return None if sizes is None or not -len(sizes) <= axis < len(sizes) else sizes[axis]

    def __call__(self, op: str, *inputs: str, at: str | None = None, result: str | None = None, **attributes: Any) -> str:
        """`result`: what the value is called, where not as its part."""
        name = f"{self.node.name}/{at or f'{op}_{len(self.nodes)}'}"
        self.nodes.append(helper.make_node(op, inputs, [result or name], name=name, **attributes))
        return result or name

    def ints(self, *values: int) -> str:
        return self("Constant", value=numpy_helper.from_array(np.array(values, np.int64)))

    def whole(self, value: int) -> str:
        return self("Constant", value=numpy_helper.from_array(np.array(value, np.int64)))

    def number(self, value: float) -> str:
        """A constant of the type of the first input; the cast rounds it only where the model is computed in that type."""
        first = self.types.get(self.input(0))
        double = self("Constant", value=numpy_helper.from_array(np.array(value, np.float64)))
        return self("Cast", double, to=first.elem_type if first is not None and first.elem_type else TensorProto.FLOAT)

    def length(self, value: str, axis: int) -> str:
        """A size at run time, as a number."""
        return self("Gather", self("Shape", value), self.whole(axis))
