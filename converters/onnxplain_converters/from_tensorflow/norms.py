"""A batch normalisation that TensorFlow wrote out, x·γ/σ + (β − μγ/σ) → one BatchNormalization with a mean of 0 and a variance
of 1, which gives the same numbers and is known for what it is."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..common.graphs import nodes_of

#: the scope that tf.nn.batch_normalization opens
SCOPE = "batchnorm"


def batch_norms(proto: onnx.ModelProto) -> onnx.ModelProto:
    """`proto`, changed in place: product and sum become one node where the channels are on axis 1, as ONNX has them."""
    graph = proto.graph
    stored = {t.name: t for t in graph.initializer}
    makers = {v: n for n in graph.node for v in n.output}
    reads = Counter(v for n in graph.node for v in n.input) + Counter(o.name for o in graph.output)
    shapes = _shapes(proto)
    for add in [n for n in graph.node if n.op_type == "Add" and SCOPE in n.name.split("/")]:
        shift = [v for v in add.input if v in stored]
        mul = next((makers[v] for v in add.input if v in makers), None)
        if mul is None or mul.op_type != "Mul" or len(shift) != 1 or reads[mul.output[0]] != 1:
            continue
        scale = [v for v in mul.input if v in stored]
        x = [v for v in mul.input if v not in stored]
        if len(scale) != 1 or len(x) != 1 or shapes.get(x[0]) is None:
            continue
        gamma, beta = (_per_channel(numpy_helper.to_array(stored[v]), shapes[x[0]]) for v in (scale[0], shift[0]))
        if gamma is None or beta is None:
            continue
        zero = np.zeros_like(gamma)
        names = [f"{add.name}/{part}" for part in ("gamma", "beta", "mean", "variance")]
        for name, c in zip(names, (gamma, beta, zero, zero + 1), strict=True):
            graph.initializer.append(numpy_helper.from_array(c, name))
        place = list(graph.node).index(add)
        made = helper.make_node("BatchNormalization", [x[0], *names], list(add.output), name=add.name, epsilon=0.0)
        graph.node.remove(add)
        graph.node.insert(place, made)
        graph.node.remove(mul)
    used = {v for n in nodes_of(graph) for v in n.input} | {o.name for o in graph.output}
    for name in [t.name for t in graph.initializer if t.name not in used]:
        graph.initializer.remove(stored[name])
    return proto


def _per_channel(c: np.ndarray, shape: list[int | None]) -> np.ndarray | None:
    """The constant as one number per channel of a value of this shape, if it is that and nothing more."""
    full = (1,) * (len(shape) - c.ndim) + c.shape
    if len(shape) < 2 or len(full) != len(shape) or any(n != 1 for k, n in enumerate(full) if k != 1):
        return None
    return np.ascontiguousarray(c.reshape(-1)) if full[1] == shape[1] else None


def _shapes(proto: onnx.ModelProto) -> dict[str, list[int | None]]:
    graph = onnx.shape_inference.infer_shapes(proto).graph
    return {
        v.name: [d.dim_value or None for d in v.type.tensor_type.shape.dim]
        for v in (*graph.input, *graph.value_info, *graph.output)
        if v.type.tensor_type.HasField("shape")
    }
