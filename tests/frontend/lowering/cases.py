"""Operators that are written out in parts: what is not `C(...)` is computed at run time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...layers.harness import C, Case, normal, uniform
from .cases_sampled import SAMPLED

X = normal(2, 3, 4)
IMAGE = 2 * normal(2, 6, 3, 4) + 0.5
LABELS = np.array([[0, 2, 1, 2], [1, 1, 0, 2]])


def v(*shape: int, seed: int = 7) -> np.ndarray:
    return normal(*shape, seed=seed)


def i(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def weights(note: str, x: Any, w: Any, b: Any, op: str = "Conv", **attrs: Any) -> Case:
    return Case(op, [x, w, b], attrs, note=note)


WEIGHTS = [
    weights("bias", normal(2, 3, 6, 5), C(v(4, 3, 3, 2)), v(4), pads=[1, 0, 0, 1]),
    weights("weights and bias", normal(2, 3, 7), v(4, 3, 3), v(4), strides=[2]),
    weights("constant input", C(normal(2, 3, 7)), v(4, 3, 3), v(4)),
    weights("bias", normal(2, 3, 4, 3), C(v(3, 2, 3, 2)), v(2), "ConvTranspose", strides=[2, 3]),
    weights("all", normal(2, 4, 4), v(4, 3, 3), v(6), "ConvTranspose", group=2),
    weights("bias", normal(3, 4), C(v(4, 5)), v(5), "Gemm"),
    weights("all", normal(4, 3), v(5, 4), v(3, 1), "Gemm", transA=1, transB=1, alpha=0.5, beta=-2.0),
    weights("constant input", C(normal(3, 4)), v(4, 5), v(1), "Gemm", beta=0.5),
    Case("Gemm", [normal(3, 4), v(4, 5), v(seed=8)], opset=9, note="old"),
]


def norm(op: str, x: Any, *parameters: Any, opset: int = 17, n_outputs: int = 1, note: str = "", **attrs: Any) -> Case:
    return Case(op, [x, *parameters], attrs, opset, n_outputs, note)


NORMS = [
    norm("LayerNormalization", X, v(4), v(4, seed=8)),
    norm("LayerNormalization", X, v(3, 4), axis=1, note="no bias"),
    norm("LayerNormalization", X, C(v(4)), v(4), n_outputs=3, note="bias"),
    norm("LayerNormalization", C(X), v(4), v(4, seed=8), note="constant input"),
    norm("RMSNormalization", X, v(3, 4), opset=23, axis=1, epsilon=0.1),
    norm("InstanceNormalization", IMAGE, v(6), v(6, seed=8)),
    norm("InstanceNormalization", IMAGE[:, :, 0], v(6), C(v(6)), opset=7, note="scale"),
    norm("GroupNormalization", IMAGE, v(6), v(6, seed=8), opset=21, num_groups=3),
    norm("GroupNormalization", IMAGE, v(3), v(3, seed=8), opset=18, num_groups=3),
    norm("BatchNormalization", IMAGE, v(6), v(6, seed=8), v(6, seed=9), uniform(6), epsilon=1e-2),
    norm("BatchNormalization", IMAGE[:, :, 0, 0], v(6), v(6, seed=8), C(v(6)), C(uniform(6)), opset=7, note="scale and bias"),
    norm("BatchNormalization", C(IMAGE), C(v(6)), v(6, seed=8), C(v(6)), C(uniform(6)), opset=9, note="constant input"),
]


def reduced(op: str, x: np.ndarray) -> list[Case]:
    """At every opset at which its signature changed."""
    return [
        *(Case(op, [x], {"axes": [1, -1], "keepdims": k}, opset=o, note=f"keepdims {k}") for o in (7, 11, 13) for k in (0, 1)),
        Case(op, [x], opset=13, note="all"),
        Case(op, [x, C(i(2))], opset=18),
        Case(op, [x, i(0, -1)], {"keepdims": 0}, opset=18, note="axes computed"),
        Case(op, [x], {"noop_with_empty_axes": 1}, opset=18, note="none"),
    ]


REDUCTIONS = [
    case
    for op, x in (("ReduceL1", X), ("ReduceL2", X), ("ReduceSumSquare", X), ("ReduceLogSum", uniform(2, 3, 4)))
    for case in reduced(op, x)
]


def pooled(note: str, x: np.ndarray, opset: int = 18, ort: bool = True, **attrs: Any) -> Case:
    return Case("LpPool", [x], attrs, opset=opset, note=note, ort=ort)


POOLS = [
    pooled("2d", normal(2, 3, 6, 7), kernel_shape=[2, 3]),
    pooled("odd", normal(2, 3, 6, 7), kernel_shape=[3, 2], p=3, strides=[2, 1], pads=[1, 0, 2, 1]),
    pooled("sizes", normal(2, 3, 8), kernel_shape=[3], p=1, opset=11),
    pooled("ceil", normal(2, 3, 7, 7), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
    pooled("dilated", normal(2, 3, 7, 7), kernel_shape=[2, 2], dilations=[3, 2], p=4),
    pooled("3d", normal(1, 2, 4, 5, 4), kernel_shape=[2, 2, 3], auto_pad="SAME_UPPER"),
    Case("GlobalLpPool", [normal(2, 3, 4, 5)], opset=7),
    Case("GlobalLpPool", [normal(2, 3, 4)], {"p": 3}, opset=13, note="odd"),
    Case("GlobalLpPool", [normal(2, 3, 4)], {"p": 1}, opset=13, note="sizes"),
]

BOUNDS = [
    Case("Clip", [3 * X, np.float32(-1), np.float32(1.5)], opset=12),
    Case("Clip", [3 * X, C(np.float32(-1)), np.float32(1.5)], note="high"),
    Case("Clip", [3 * X, None, np.float32(0.7)], note="high alone"),
    Case("Clip", [3 * X, np.float32(0.2)], note="low alone"),
    Case("Clip", [C(3 * X), np.float32(-0.5), C(np.float32(1))], note="constant input"),
    Case("PRelu", [X, v(3, 1)]),
    Case("PRelu", [X, v(4)], opset=7),
    Case("PRelu", [C(X), v(4)], note="constant input"),
]


def einsum(equation: str, *operands: Any) -> Case:
    return Case("Einsum", list(operands), {"equation": equation}, note=equation)


EINSUMS = [
    einsum("ij,jk,kl->il", v(2, 3), v(3, 4, seed=8), v(4, 2, seed=9)),
    einsum("bi,ij,bj", v(2, 3), C(v(3, 4, seed=8)), v(2, 4, seed=9)),
    einsum("i,ij,j->", v(3), v(3, 4, seed=8), v(4, seed=9)),
    einsum("...ij,...jk,...kl->...il", v(2, 2, 3), v(2, 3, 4, seed=8), C(v(2, 4, 2, seed=9))),
    einsum("ii,ij,jk,ki->k", v(3, 3), C(v(3, 2, seed=8)), v(2, 3, seed=9), v(3, 3, seed=10)),
]

NLL, SCE = "NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"
LOSSES = [
    *(Case(op, [X, C(LABELS)], {"reduction": r}, opset=13, note=r) for op in (NLL, SCE) for r in ("none", "sum", "mean")),
    *(Case(op, [X, LABELS, uniform(3)], {"reduction": r}, opset=13, note=f"weighted {r}") for op in (NLL, SCE) for r in ("none", "sum", "mean")),
    *(Case(op, [X, LABELS], {"ignore_index": 2}, opset=13, note="ignoring a class") for op in (NLL, SCE)),
    Case(NLL, [X, LABELS - 1, C(uniform(3))], {"ignore_index": -1}, opset=12, note="ignoring no class"),
    Case(SCE, [X, LABELS.astype(np.int32)], opset=12, n_outputs=2, note="logs"),
    Case(SCE, [normal(2, 3, 2, 3), np.array([[[0, 1, 2]] * 2] * 2)], opset=13, n_outputs=2, note="two axes"),
]  # fmt: skip

CASES = [*WEIGHTS, *NORMS, *REDUCTIONS, *POOLS, *BOUNDS, *EINSUMS, *LOSSES, *SAMPLED]
