"""Writing small ONNX models by hand: nodes one after the other, weights drawn from a seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

#: shape, or (shape, element type)
Type = Sequence[Any]

NUMPY_TYPES = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int64): TensorProto.INT64}


def info(name: str, shape: Sequence[int | str | None], elem_type: int = TensorProto.FLOAT) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, elem_type, list(shape))


class Writer:
    """`node` returns the name of what it makes (names, where it makes several)."""

    def __init__(self, seed: int = 0) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[NodeProto] = []
        self.initializers: list[TensorProto] = []

    def constant(self, value: Any, name: str | None = None) -> str:
        """A number, list or array as an initializer; Python floats become float32, integers int64."""
        array = np.asarray(value)
        array = array.astype(np.float32) if array.dtype == np.float64 else array
        name = name or f"c{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weight(self, *shape: int, scale: float = 0.6, shift: float = 0.0, name: str | None = None) -> str:
        return self.constant((self.random.standard_normal(shape) * scale + shift).astype(np.float32), name)

    def node(self, op: str, *inputs: str, to: str | Sequence[str] | None = None, **attributes: Any) -> Any:
        name = attributes.pop("name", f"{op}_{len(self.nodes)}")
        outputs = [to] if isinstance(to, str) else list(to) if to is not None else [f"v{len(self.nodes)}"]
        self.nodes.append(helper.make_node(op, inputs, outputs, name=name, **attributes))
        return outputs[0] if len(outputs) == 1 else outputs

    def dense(self, x: str, fan_in: int, fan_out: int, to: str | None = None, bias: bool = True) -> str:
        weights = [self.weight(fan_out, fan_in), *([self.weight(fan_out, scale=0.3)] if bias else [])]
        return self.node("Gemm", x, *weights, to=to, transB=1)

    def batch_norm(self, x: str, channels: int) -> str:
        """Positive and negative scales, a variance that is not 1."""
        variance = self.constant((self.random.random(channels) + 0.5).astype(np.float32))
        scale, offset, mean = (self.weight(channels) for _ in range(3))
        return self.node("BatchNormalization", x, scale, offset, mean, variance)

    def model(
        self,
        inputs: Mapping[str, Sequence[Any]],
        outputs: Mapping[str, Sequence[Any]],
        opset: int = 17,
        types: Mapping[str, int] | None = None,
        **more: Any,
    ) -> ModelProto:
        """`types`: element types of inputs and outputs that are not float32."""
        kinds = dict(types or {})
        graph = helper.make_graph(
            self.nodes,
            "small",
            [info(n, s, kinds.get(n, TensorProto.FLOAT)) for n, s in inputs.items()],
            [info(n, s, kinds.get(n, TensorProto.FLOAT)) for n, s in outputs.items()],
            self.initializers,
        )
        imports = [helper.make_opsetid("", opset), *more.pop("imports", [])]
        return helper.make_model(graph, opset_imports=imports, ir_version=8 if opset < 18 else 10, **more)
