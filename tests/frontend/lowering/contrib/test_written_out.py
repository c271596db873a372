"""Operators that onnxruntime has for other machines than the CPU compute what their definitions say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from .harness import Op, explains, floats, int32, same, theirs

erf = np.vectorize(math.erf)


def gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + erf(x / math.sqrt(2))) / 2


def fast_gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def group_norm(x: np.ndarray, gamma: np.ndarray, beta: np.ndarray, groups: int, epsilon: float) -> np.ndarray:
    """Of (sample, place …, channel)."""
    rows = np.moveaxis(x, -1, 1).reshape(len(x), groups, -1)
    rows = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + epsilon)
    return np.moveaxis(rows.reshape(np.moveaxis(x, -1, 1).shape), 1, -1) * gamma + beta


def last(x: np.ndarray) -> np.ndarray:
    return np.moveaxis(x, 1, -1)


def convolved(x: np.ndarray, w: np.ndarray, *more: np.ndarray) -> np.ndarray:
    """Of channels-last images, by onnxruntime's Conv."""
    op = Op("Conv", [np.moveaxis(x, -1, 1), w, *more], {"pads": [1, 1, 1, 1]}, domain="")
    return last(theirs(op.model(), op.feeds)[0])


X, BIAS, SKIP = floats(2, 3, 8), floats(8), floats(2, 3, 8)
PICTURE, WEIGHTS, FILTERS = floats(2, 5, 5, 4), floats(4), floats(6, 4, 3, 3)
W, Z = floats(8, 5), floats(2, 5, 5, 6)
ROWS = {"groups": 2, "epsilon": 1e-3}
ATTENTION = {"num_heads": 2}
Q, K, V = floats(2, 4, 2, 3), floats(2, 5, 2, 3), floats(2, 5, 2, 3)


def attended(q: np.ndarray, k: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Of (sample, position, head, feature)."""
    weights = softmax(np.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1]))
    return np.einsum("bhqk,bkhd->bqhd", weights, v).reshape(*q.shape[:2], -1)


CASES: list[tuple[Op, Callable[[], np.ndarray]]] = [
    (Op("BiasAdd", [X, BIAS, SKIP], data=(0, 2)), lambda: X + BIAS + SKIP),
    (Op("BiasDropout", [X, BIAS, SKIP], data=(0, 2)), lambda: X + BIAS + SKIP),
    (Op("BiasDropout", [X, BIAS], note="no residual"), lambda: X + BIAS),
    (Op("BitmaskDropout", [X]), lambda: X),
    (Op("BiasSoftmax", [X, floats(1, 3, 8)], {"axis": 2, "is_inner_broadcast": 0}), lambda: X),
    (Op("BiasSplitGelu", [X, BIAS]), lambda: (X + BIAS)[..., :4] * gelu((X + BIAS)[..., 4:])),
    (Op("GemmFastGelu", [X, W, BIAS[:5]]), lambda: fast_gelu(X @ W + BIAS[:5])),
    (
        Op("FusedMatMulActivation", [X, W.T.copy()], {"activation": "Tanh", "alpha": 0.5, "transB": 1}),
        lambda: np.tanh(0.5 * X @ W),
    ),
    (
        Op("GroupNorm", [PICTURE, WEIGHTS, WEIGHTS[::-1].copy()], {**ROWS, "activation": 0}),
        lambda: group_norm(PICTURE, WEIGHTS, WEIGHTS[::-1], **ROWS),
    ),
    (
        Op(
            "GroupNorm",
            [np.moveaxis(PICTURE, -1, 1).copy(), WEIGHTS, WEIGHTS],
            {**ROWS, "activation": 1, "channels_last": 0},
            note="silu",
        ),
        lambda: np.moveaxis((y := group_norm(PICTURE, WEIGHTS, WEIGHTS, **ROWS)) * sigmoid(y), -1, 1),
    ),
    (
        Op(
            "SkipGroupNorm",
            [PICTURE, WEIGHTS, WEIGHTS, PICTURE[::-1].copy(), WEIGHTS],
            {**ROWS, "activation": 1},
            data=(0, 3),
        ),
        lambda: (y := group_norm(PICTURE + PICTURE[::-1] + WEIGHTS, WEIGHTS, WEIGHTS, **ROWS)) * sigmoid(y),
    ),
    (Op("NhwcConv", [PICTURE, FILTERS], {"pads": [1, 1, 1, 1]}), lambda: convolved(PICTURE, FILTERS)),
    (
        Op(
            "NhwcFusedConv",
            [PICTURE, FILTERS, Z[0, 0, 0], Z],
            {"pads": [1, 1, 1, 1], "activation": "Relu"},
            data=(0, 3),
        ),
        lambda: np.maximum(convolved(PICTURE, FILTERS, Z[0, 0, 0]) + Z, 0),
    ),
    (
        Op("NhwcMaxPool", [PICTURE], {"kernel_shape": [2, 2]}),
        lambda: np.lib.stride_tricks.sliding_window_view(PICTURE, (2, 2), (1, 2)).max((-1, -2)),
    ),
    (Op("TorchEmbedding", [W, np.array([[1, 2], [7, 0]])], data=()), lambda: W[np.array([[1, 2], [7, 0]])]),
    (
        Op("MultiHeadAttention", [np.stack([Q, K[:, :4], V[:, :4]], 3)], ATTENTION, note="packed"),
        lambda: attended(Q, K[:, :4], V[:, :4]),
    ),
    (
        Op("MultiHeadAttention", [Q.reshape(2, 4, 6), np.stack([K, V], 3)], ATTENTION, data=(0, 1), note="keys packed"),
        lambda: attended(Q, K, V),
    ),
]


@pytest.mark.parametrize(("op", "expected"), CASES, ids=[op.id for op, _ in CASES])
def test_an_operator_computes_its_definition(op: Op, expected: Callable[[], np.ndarray]) -> None:
    y = softmax(X + op.inputs[1]) if op.op == "BiasSoftmax" else expected()
    same(op, [y], op.weights)


@pytest.mark.parametrize("op", [op for op, _ in CASES if op.data], ids=lambda op: op.id)
def test_its_gradient_is_the_quotient_of_differences_and_deep_lift_is_complete(op: Op) -> None:
    explains(op)


def bucket(distance: np.ndarray, both: bool, rows: int, longest: int) -> np.ndarray:
    """T5's, in single precision."""
    start = np.zeros_like(distance)
    if both:
        rows //= 2
        start, distance = (distance > 0) * rows, np.abs(distance)
    else:
        distance = np.maximum(-distance, 0)
    exact = rows // 2
    with np.errstate(divide="ignore"):
        logarithm = np.log(distance.astype(np.float32) / np.float32(exact)) / np.float32(math.log(longest / exact))
    far = exact + np.where(distance < exact, 0, logarithm * np.float32(rows - exact)).astype(np.int64)
    return start + np.where(distance < exact, distance, np.minimum(far, rows - 1))


@pytest.mark.parametrize(("rows", "longest"), [(8, 20), (32, 128), (6, 40)])
@pytest.mark.parametrize("both", [False, True], ids=["before only", "both ways"])
def test_relative_positions_fall_into_t5s_buckets(both: bool, rows: int, longest: int) -> None:
    table = floats(rows, 3)
    op = Op(
        "RelativePositionBias",
        [table, np.array([70]), np.array([150])],
        {"max_distance": longest, "is_bidirectional": int(both)},
        data=(),
    )
    distance = np.arange(150) - np.arange(70)[:, None]
    same(op, [table[bucket(distance, both, rows, longest)].transpose(2, 0, 1)[None]])


def test_gates_scale_relative_positions() -> None:
    x, bias, positions = floats(2, 3, 8), floats(8), floats(1, 2, 3, 3)
    weight, gate_bias, a = floats(4, 8), floats(8), floats(1, 2, 1, 1)
    heads = (x + bias).reshape(2, 3, 2, 4).transpose(0, 2, 1, 3)
    gates = sigmoid((heads @ weight + gate_bias).reshape(2, 2, 3, 2, 4).sum(-1))
    u, r = gates[..., :1], gates[..., 1:]
    op = Op("GatedRelativePositionBias", [x, bias, positions, weight, gate_bias, a], {"num_heads": 2})
    same(op, [(u * (r * a - 1) + 2) * positions], op.weights)
    explains(op)


def test_norms_of_queries_and_keys_are_rms_norms_of_each_head() -> None:
    q, k, v, wq, wk = floats(2, 3, 32), floats(2, 3, 16), floats(2, 3, 16), floats(16), floats(16)

    def normed(x: np.ndarray, weight: np.ndarray) -> np.ndarray:
        heads = x.reshape(*x.shape[:2], -1, 16)
        return (heads / np.sqrt((heads**2).mean(-1, keepdims=True) + 1e-3) * weight).reshape(x.shape)

    rest = [None, None, int32([2, 2]), np.array(3, np.int32)]
    attributes = {"num_heads": 2, "kv_num_heads": 1}
    plain = Op("GroupQueryAttention", [normed(q, wq), normed(k, wk), v, *rest], attributes)
    op = Op(
        "GroupQueryAttention",
        [q, k, v, *rest, *[None] * 7, wq, wk],
        {**attributes, "qk_norm_epsilon": 1e-3},
        data=(0, 1, 2),
    )
    same(op, theirs(plain.model(), plain.feeds), op.weights)
    explains(op)
