"""Writing the parts of one node."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from ..nodes import newest_opset
from ..types import ValueType


class Body:
    """The parts of `node`, written one after the other: `b("MatMul", a, b, at="scores")` gives the name of its result.

    `at` names a part; the others are numbered. `constants`: values known before any input is; `opset`: the model's, by
    whose rules the parts are read.
    """

    def __init__(
        self, node: NodeProto, types: Mapping[str, ValueType], constants: Collection[str] = (), opset: int = 0
    ) -> None:
        self.node, self.types, self.constants = node, types, constants
        self.opset = opset or newest_opset()
        self.nodes: list[NodeProto] = []
        self.attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}

    def attr(self, name: str, default: Any = None) -> Any:
        return self.attributes.get(name, default)

    def input(self, i: int) -> str:
        """The name of input i, "" where it was left out."""
        return self.node.input[i] if i < len(self.node.input) else ""

    def output(self, i: int) -> str:
        return self.node.output[i] if i < len(self.node.output) else ""

    def varies(self, *indices: int) -> bool:
        """Whether any of these inputs is computed at run time."""
        return any(self.input(i) and self.input(i) not in self.constants for i in indices)

    def rank(self, value: str) -> int | None:
        t = self.types.get(value)
        return None if t is None or t.shape is None else len(t.shape)

    def size(self, value: str, axis: int) -> int | None:
        """How long an axis is, where it is known."""
        t = self.types.get(value)
        sizes = None if t is None else t.sizes
        return None if sizes is None or not -len(sizes) <= axis < len(sizes) else sizes[axis]

    def __call__(
        self,
        op: str,
        *inputs: str,
        at: str | None = None,
        result: str | None = None,
        more: Sequence[str] = (),
        **attributes: Any,
    ) -> str:
        """`result`: what the value is called, where not as its part; `more`: what further results are called. An
        attribute of None is left out."""
        name = f"{self.node.name}/{at or f'{op}_{len(self.nodes)}'}"
        given = {k: v for k, v in attributes.items() if v is not None}
        self.nodes.append(helper.make_node(op, inputs, [result or name, *more], name=name, **given))
        return result or name

    def ints(self, *values: int) -> str:
        return self("Constant", value=numpy_helper.from_array(np.array(values, np.int64)))

    def whole(self, value: int) -> str:
        return self("Constant", value=numpy_helper.from_array(np.array(value, np.int64)))

    def number(self, value: float | Sequence[float]) -> str:
        """A constant of the type of the first input; the cast rounds it only where the model is computed in that type."""
        first = self.types.get(self.input(0))
        double = self("Constant", value=numpy_helper.from_array(np.array(value, np.float64)))
        return self("Cast", double, to=first.elem_type if first is not None and first.elem_type else TensorProto.FLOAT)

    def numbers(self, *values: float) -> str:
        """Constants of that type, along one axis."""
        return self("Reshape", self.number(values), self.ints(-1))

    def power(self, x: str, p: float, result: str | None = None) -> str:
        return self("Pow", x, self.number(p), result=result)

    def per_channel(self, v: str, rank: int) -> str:
        """(C,) → (C, 1, …), which broadcasts along axis 1 of a value of this rank; what was left out stays so."""
        return self("Reshape", v, self.ints(-1, *(1,) * (rank - 2))) if v else v

    def with_axes(self, op: str, x: str, axes: Sequence[int], since: int = 13, **rest: Any) -> str:
        """An operator whose axes are an attribute before opset `since`, and an input from then on."""
        if self.opset < since:
            return self(op, x, axes=axes, **rest)
        return self(op, x, self.ints(*axes), **rest)

    def length(self, value: str, axis: int) -> str:
        """A size at run time, as a number."""
        return self("Gather", self("Shape", value), self.whole(axis))
