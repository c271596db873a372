"""The problems of tests/golden/peers as ONNX models, and what other libraries computed on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox

FOLDER = Path(__file__).parent.parent / "golden" / "peers"
GOLDEN: dict[str, np.ndarray] = dict(np.load(FOLDER / "golden_torch.npz")) | dict(np.load(FOLDER / "golden_tf.npz"))

#: operator, names of its weights in the problem, attributes
Step = tuple[str, Sequence[str], dict[str, Any]]


def model(
    problem: str, steps: Sequence[Step], inputs: dict[str, Sequence[int]], opset: int = 20, dtype: str = "float64"
) -> ox.Model:
    """Steps one after the other; the first reads all inputs."""
    nodes, weights = [], []
    values = list(inputs)
    for i, (op, names, attributes) in enumerate(steps):
        stored = [f"{op}_{i}_{name}" for name in names]
        for label, name in zip(stored, names, strict=True):
            weights.append(numpy_helper.from_array(GOLDEN[f"{problem}/in/{name}"], label))
        made = "y" if i == len(steps) - 1 else f"v{i}"
        nodes.append(helper.make_node(op, [*values, *stored], [made], name=f"{op}_{i}", **attributes))
        values = [made]
    double = TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes,
        problem,
        [helper.make_tensor_value_info(n, double, ["n", *shape]) for n, shape in inputs.items()],
        [helper.make_tensor_value_info("y", double, None)],
        weights,
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    return ox.load(proto, dtype=dtype, verify="never")


def module(number: int | None = None) -> list[str]:
    return ["weight", "bias"] if number is None else [f"{number}.weight", f"{number}.bias"]


def dense(number: int | None = None) -> Step:
    return "Gemm", module(number), {"transB": 1}


def conv(number: int | None = None, **attributes: Any) -> Step:
    return "Conv", module(number), attributes


def relu() -> Step:
    return "Relu", [], {}


def flatten() -> Step:
    return "Flatten", [], {}


def pool(op: str, kernel: int, stride: int, pad: int = 0) -> Step:
    return op, [], {"kernel_shape": [kernel] * 2, "strides": [stride] * 2, "pads": [pad] * 4}


def layer(problem: str) -> ox.Model:
    """One dense layer or convolution, and a Flatten, as captum was asked."""
    if problem == "linear":
        return model(problem, [dense(), flatten()], {"x": [5]})
    return model(problem, [conv(strides=[2, 2], pads=[1] * 4), flatten()], {"x": [2, 6, 6]})


def cnn() -> ox.Model:
    same = {"pads": [1] * 4}
    steps = [
        conv(0, **same), relu(), conv(2, **same), relu(), pool("MaxPool", 2, 2), conv(5), relu(), pool("AveragePool", 2, 2),
        flatten(), dense(9), relu(), dense(11),
    ]  # fmt: skip
    return model("cnn", steps, {"x": [2, 8, 8]})


def deep_lift_problem(problem: str, dtype: str = "float64") -> ox.Model:
    if problem.startswith("dl_maxpool"):
        kernel, stride, pad = (
            int(n) for n in problem.removeprefix("dl_maxpool_k").replace("s", " ").replace("p", " ").split()
        )
        steps = [conv(0, pads=[1] * 4), relu(), pool("MaxPool", kernel, stride, pad), flatten(), dense(4)]
        return model(problem, steps, {"x": [2, 8, 8]}, dtype=dtype)
    middle: dict[str, list[Step]] = {
        "dl_mlp_relu": [relu(), dense(2), ("Tanh", [], {}), dense(4)],
        "dl_softmax": [relu(), dense(2), ("Softmax", [], {"axis": 1})],
        "dl_layernorm": [("LayerNormalization", module(1), {"axis": -1}), dense(2)],
        "dl_gelu": [("Gelu", [], {}), dense(2)],
        "dl_silu": [("Swish", [], {}), dense(2)],
    }
    return model(problem, [dense(0), *middle[problem]], {"x": [6]}, opset=24, dtype=dtype)
