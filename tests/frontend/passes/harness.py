"""A model as it was read and as it was simplified, side by side in double precision."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from onnx import ModelProto
from torch import Tensor

import onnxplain as ox
from onnxplain.frontend.build import build
from onnxplain.frontend.passes import simplify
from onnxplain.frontend.read import read
from onnxplain.graph.graph import Graph
from onnxplain.graph.plan import Forward

from ...engine.build import Writer

#: writes a function of the value named, gives the name of its result
Spelling = Callable[[Writer, str], str]
SHAPE = (3, 5, 6)


def data(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
    """Positive and negative, large and small, no two samples alike."""
    return np.random.default_rng(seed).standard_normal(shape) * 2 + 0.3


def written(spelling: Spelling, opset: int = 17, shape: tuple[int | str, ...] = ("N", 5, 6), **outputs: str) -> ModelProto:
    """y = the function of x; `outputs`: other values that are outputs as well."""
    w = Writer()
    y = spelling(w, "x")
    w.node("Identity", y, to="y", name="end")
    return w.model({"x": shape}, {"y": shape, **{v: () for v in outputs.values()}}, opset=opset)


def graphs(proto: ModelProto, keep: tuple[str, ...] = ()) -> tuple[Graph, Graph]:
    raw = build(read(proto), dtype=torch.float64).graph
    return raw, simplify(raw, keep)


def computed(graph: Graph, x: np.ndarray) -> dict[str, Tensor]:
    with torch.inference_mode():
        trace = Forward(graph, graph.inputs, graph.outputs, None).run({graph.inputs[0]: torch.from_numpy(x)})
        return {o: trace[o].clone() for o in graph.outputs}


def unchanged(proto: ModelProto, x: np.ndarray, keep: tuple[str, ...] = ()) -> Graph:
    """The simplified graph; every output is what it was to 1e-12 of its largest value."""
    raw, merged = graphs(proto, keep)
    before, after = computed(raw, x), computed(merged, x)
    for o, y in before.items():
        assert after[o].shape == y.shape
        torch.testing.assert_close(after[o], y, rtol=0, atol=1e-12 * float(y.abs().max()))
    merged.check()
    return merged


def operators(graph: Graph) -> list[str]:
    return [n.op for n in graph.nodes]


def explained_alike(proto: ModelProto, x: np.ndarray) -> None:
    """The gradient is that of the parts, and DeepLIFT is complete from a baseline that is not zero."""
    model = ox.load(proto, dtype="float64", verify="never")
    parts = replace(model, graph=model.raw)
    method = ox.Gradient(ignore_last_activation=False)
    units = [(0, 0), (1, 2)] if x.ndim == 3 else [0, 3]
    ours, theirs = (ox.explain(m, x, method, target=units).values for m in (model, parts))
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-10 * np.abs(theirs).max())
    deep = ox.DeepLift(baseline=x[::-1] * 0.5 + 0.1, ignore_last_activation=False)
    assert max(np.abs(d).max() for d in ox.explain(model, x, deep, target=units).delta.values()) < 1e-9
