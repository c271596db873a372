"""One ONNX node as a test case: run it in onnxruntime, and as a layer; and the promises of every kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from onnxplain.frontend.nodes import onnx_node
from onnxplain.layers.base import Layer, layer_for


@dataclass(frozen=True)
class C:
    """A constant input."""

    value: Any


@dataclass(frozen=True)
class Case:
    """`op` applied to `inputs`: arrays vary, `C(array)` is constant, None is left out."""

    op: str
    inputs: Sequence[Any]
    attrs: dict[str, Any] = field(default_factory=dict)
    opset: int = 17
    n_outputs: int = 1
    note: str = ""
    domain: str = ""
    version: int = 1  # of the domain
    ort: bool = True  # False where onnxruntime itself cannot run the node (say why in `note`)
    differentiable: bool = True  # False where autograd through `forward` is not defined (say why in `note`)

    @property
    def id(self) -> str:
        return "-".join(filter(None, [self.op, f"v{self.opset}", self.note.replace(" ", "_")]))

    def arrays(self) -> list[np.ndarray | None]:
        return [None if v is None else np.asarray(v.value if isinstance(v, C) else v) for v in self.inputs]

    def names(self) -> list[str]:
        return ["" if v is None else f"i{k}" for k, v in enumerate(self.inputs)]

    def feeds(self) -> dict[str, np.ndarray]:
        return {n: np.asarray(v) for n, v in zip(self.names(), self.inputs, strict=True) if n and not isinstance(v, C)}

    def constants(self) -> dict[str, np.ndarray]:
        return {n: np.asarray(v.value) for n, v in zip(self.names(), self.inputs, strict=True) if isinstance(v, C)}

    def node(self) -> onnx.NodeProto:
        outs = [f"o{k}" for k in range(self.n_outputs)]
        return helper.make_node(self.op, self.names(), outs, name="node", domain=self.domain, **self.attrs)

    def model(self) -> onnx.ModelProto:
        def info(name: str, a: np.ndarray) -> onnx.ValueInfoProto:
            return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape)

        graph = helper.make_graph(
            [self.node()],
            "case",
            [info(n, a) for n, a in self.feeds().items()],
            [onnx.ValueInfoProto(name=f"o{k}") for k in range(self.n_outputs)],
            [numpy_helper.from_array(a, n) for n, a in self.constants().items()],
        )
        opsets = [helper.make_opsetid("", self.opset)]
        if self.domain:
            opsets.append(helper.make_opsetid(self.domain, self.version))
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def expected(self) -> list[np.ndarray]:
        """onnxruntime's outputs, without its graph optimisations (one of which is wrong on negative data)."""
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        session = ort.InferenceSession(self.model().SerializeToString(), options, providers=["CPUExecutionProvider"])
        return list(session.run(None, self.feeds()))

    def layer(self, dtype: torch.dtype = torch.float64) -> Layer:
        constants = {n: _tensor(a, dtype) for n, a in self.constants().items()}
        floating = {n: a.dtype.kind == "f" for n, a in self.feeds().items()}
        made = layer_for(onnx_node(self.node(), self.opset, constants, floating, dtype))
        assert made is not None, f"no layer covers {self.id}"
        return made

    def tensors(self, dtype: torch.dtype = torch.float64) -> list[Tensor]:
        return [_tensor(a, dtype) for a in self.feeds().values()]


def _tensor(a: np.ndarray, dtype: torch.dtype) -> Tensor:
    t = torch.from_numpy(np.array(a))
    return t.to(dtype) if t.is_floating_point() else t


def outputs_of(layer: Layer, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
    out = layer.forward(*inputs)
    return out if isinstance(out, tuple) else (out,)


def carrying(layer: Layer, inputs: Sequence[Tensor]) -> list[int]:
    return [i for i, x in enumerate(inputs) if x.is_floating_point() and layer.carries(i)]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Standard normal float32 numbers: negative ones among them, no ties."""
    return rng(seed).standard_normal(shape).astype(np.float32)


def uniform(*shape: int, seed: int = 0, low: float = 0.1, high: float = 2.0) -> np.ndarray:
    return rng(seed).uniform(low, high, shape).astype(np.float32)
