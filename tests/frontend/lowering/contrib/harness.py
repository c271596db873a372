"""One operator of onnxruntime's own as a model: what it computes there and here, and whether its parts explain it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from onnx import ModelProto, ValueInfoProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.frontend.build import build
from onnxplain.frontend.read import read
from onnxplain.graph.graph import Graph
from onnxplain.graph.plan import Forward

RANDOM = np.random.default_rng(0)
MICROSOFT = "com.microsoft"


def floats(*shape: int) -> np.ndarray:
    return RANDOM.standard_normal(shape).astype(np.float32)


def int32(*values: Any) -> np.ndarray:
    return np.array(values[0] if len(values) == 1 else values, np.int32)


@dataclass(frozen=True)
class Op:
    """`op` on `inputs`, an array or None each, the first `data` of which hold samples; the other floats are weights."""

    op: str
    inputs: Sequence[np.ndarray | None]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    outputs: Sequence[str] = ("Y",)
    data: Sequence[int] = (0,)
    opset: int = 17
    domain: str = MICROSOFT
    note: str = ""

    @property
    def id(self) -> str:
        return " ".join(filter(None, [self.op, self.note, f"opset {self.opset}" if self.opset != 17 else ""]))

    @property
    def feeds(self) -> dict[str, np.ndarray]:
        return {f"i{k}": v for k, v in enumerate(self.inputs) if v is not None}

    @property
    def weights(self) -> list[str]:
        return [n for n, v in self.feeds.items() if v.dtype == np.float32 and int(n[1:]) not in self.data]

    def model(self, constants: Sequence[str] = (), imported: bool = True) -> ModelProto:
        names = ["" if v is None else f"i{k}" for k, v in enumerate(self.inputs)]
        node = helper.make_node(self.op, names, self.outputs, name="node", domain=self.domain, **self.attributes)
        infos = [
            helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for n, v in self.feeds.items()
            if n not in constants
        ]
        stored = [numpy_helper.from_array(self.feeds[n], n) for n in constants]
        graph = helper.make_graph([node], "op", infos, [ValueInfoProto(name=o) for o in self.outputs if o], stored)
        opsets = [helper.make_opsetid("", self.opset)] + [helper.make_opsetid(MICROSOFT, 1)] * imported
        return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def theirs(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, {i.name: feeds[i.name] for i in session.get_inputs()})


def run(graph: Graph, feeds: Mapping[str, Any]) -> list[np.ndarray]:
    values = {n: torch.as_tensor(feeds[n]) for n in graph.inputs}
    with torch.inference_mode():
        trace = Forward(graph, graph.inputs, graph.outputs, None).run(values)
    return [trace[o].numpy() for o in graph.outputs]


def ours(model: ModelProto, feeds: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    return run(build(read(model)).graph, feeds)


def same(op: Op, expected: Sequence[np.ndarray], constants: Sequence[str] = ()) -> None:
    for y, e in zip(ours(op.model(constants), op.feeds), expected, strict=True):
        assert y.shape == e.shape
        np.testing.assert_allclose(y, e, rtol=1e-5, atol=1e-5)


def explains(op: Op) -> None:
    """The gradient along a direction is the quotient of differences; DeepLIFT's contributions add up."""
    feeds = {n: v for n, v in op.feeds.items() if n not in op.weights}
    free = [f"i{k}" for k in op.data]
    samples = len(feeds[free[0]])
    axes = {n: 0 if n in free or (v.ndim and len(v) == samples) else None for n, v in feeds.items()}
    model = ox.load(op.model(op.weights), dtype="float64", verify="never", batch_axis=axes)
    targets = [0, ours(op.model(op.weights), feeds)[0][0].size - 1]
    wide = {n: v.astype(np.float64) if v.dtype == np.float32 else v for n, v in feeds.items()}
    gradient = ox.explain(model, feeds, ox.Gradient(ignore_last_activation=False), target={op.outputs[0]: targets})
    step = {n: RANDOM.standard_normal(feeds[n].shape) for n in free}
    up, down = (run(model.graph, wide | {n: wide[n] + s * 1e-6 * d for n, d in step.items()})[0] for s in (1, -1))
    for k, t in enumerate(targets):
        slope = ((up - down) / 2e-6).reshape(samples, -1)[:, t]
        along = sum((gradient[n].values[..., k] * d).reshape(samples, -1).sum(1) for n, d in step.items())
        np.testing.assert_allclose(along, slope, rtol=1e-4, atol=1e-6 * max(1, np.abs(slope).max()))
    baseline = {n: floats(*v.shape) if n in free else v for n, v in feeds.items()}
    e = ox.explain(
        model, feeds, ox.DeepLift(baseline=baseline, ignore_last_activation=False), target={op.outputs[0]: targets}
    )
    assert max(np.abs(d).max() for d in e.delta.values()) < 1e-9
