"""Operators that onnxruntime runs on the CPU compute here what they compute there, and their parts explain them."""

from __future__ import annotations

import numpy as np
import pytest

from .harness import RANDOM, Op, explains, floats, int32, same, theirs

B, S, N, H = 2, 4, 2, 3
D = N * H


def bits(*shape: int) -> np.ndarray:
    return (RANDOM.random(shape) > 0.4).astype(np.int32)


def packed(*more: np.ndarray | None, note: str = "", opset: int = 17, past: bool = False, **attributes: object) -> Op:
    """Attention of com.microsoft."""
    outputs = ("Y", "P") if past else ("Y",)
    inputs = [floats(B, S, 5), floats(5, 3 * D), floats(3 * D), *more]
    return Op("Attention", inputs, {"num_heads": N, **attributes}, outputs, (0,), opset, note=note)


def heads(
    *more: np.ndarray | None, keys: int = 5, width: int = D, note: str = "", past: bool = False, **attributes: object
) -> Op:
    """MultiHeadAttention."""
    outputs = ("Y", "K", "V") if past else ("Y",)
    inputs = [floats(B, S, D), floats(B, keys, D), floats(B, keys, width), *more]
    return Op("MultiHeadAttention", inputs, {"num_heads": N, **attributes}, outputs, (0, 1, 2), note=note)


MASKS = {
    "ends": int32(3, 4),
    "ends and starts": int32(3, 4, 1, 0),
    "per key": int32([[1, 1, 1, 0], [0, 1, 1, 1]]),
    "per query and key": bits(B, S, S),
    "nothing": np.zeros((B, S), np.int32),
}
ATTENTION = [
    *(packed(opset=o) for o in (11, 17, 23)),
    packed(note="causal", unidirectional=1, scale=0.3),
    *(packed(m, note=f"mask {n}{' causal' * u}", unidirectional=u) for n, m in MASKS.items() for u in (0, 1)),
    packed(MASKS["per key"], note="weak mask", mask_filter_value=-3.0),
    *(packed(None, None, floats(*s, S, S), note=f"bias {s}") for s in ((B, N), (1, 1), (1, N))),
    packed(None, floats(2, B, N, 2, H), note="past", past=True, unidirectional=1),
    packed(bits(B, S + 2), floats(2, B, N, 2, H), note="past and mask", past=True),
    packed(note="present", past=True),
    Op(
        "Attention",
        [floats(B, S, 5), floats(5, 2 * D + 8), floats(2 * D + 8)],
        {"num_heads": N, "qkv_hidden_sizes": [D, D, 8]},
        note="wide values",
    ),
    heads(),
    heads(keys=S, note="causal", unidirectional=1, scale=0.4),
    heads(floats(2 * D + 8), width=8, note="wide values"),
    *(
        heads(floats(3 * D), m, note=f"mask {m.shape}")
        for m in (int32(3, 4), bits(B, 5), bits(B, S, 5), int32(3, 4, 0, 4, 8, 0, 5, 10))
    ),
    heads(None, None, floats(1, N, S, 5), note="attention bias"),
    *(
        heads(
            *[None] * 3, floats(B, N, 2, H), floats(B, N, 2, H), keys=S, note=f"past {u}", past=True, unidirectional=u
        )
        for u in (0, 1)
    ),
    heads(note="present", past=True),
    Op(
        "MultiHeadAttention",
        [floats(B, S, D), floats(B, N, 5, H), floats(B, N, 5, H), floats(3 * D)],
        {"num_heads": N},
        data=(0, 1, 2),
        note="keys of an encoder",
    ),
    Op(
        "DecoderMaskedMultiHeadAttention",
        [floats(B, 1, D), floats(B, N, 5, H), floats(B, N, 5, H), *[None] * 7, floats(3 * D)],
        {"num_heads": N},
        data=(0, 1, 2),
        note="keys of an encoder",
    ),
    Op(
        "DecoderMaskedMultiHeadAttention",
        [
            *(floats(B, 1, D) for _ in range(3)),
            bits(B, 3),
            None,
            floats(B, N, 4, H),
            floats(B, N, 4, H),
            int32([2]),
            None,
            None,
        ]
        + [floats(3 * D)],
        {"num_heads": N, "past_present_share_buffer": 1},
        ("Y", "K", "V"),
        (0, 1, 2, 5, 6),
        note="buffer",
    ),
]

SIZE = 16
TABLES = floats(16, 8), floats(16, 8)


def grouped(
    *more: np.ndarray | None,
    new: int = 4,
    samples: int = B,
    past: int = 0,
    last: list[int] | None = None,
    total: int = 0,
    packed: bool = False,
    note: str = "",
    **attributes: object,
) -> Op:
    """GroupQueryAttention with two heads of Q and one of K and V."""
    parts = [N + 2] if packed else [N, 1, 1]
    inputs: list[np.ndarray | None] = [floats(samples, new, n * SIZE) for n in parts]
    inputs += [None] * (3 - len(inputs))
    inputs += [floats(samples, 1, past, SIZE) if past else None for _ in range(2)]
    inputs += [int32(last or [new - 1] * samples), np.array(total or new, np.int32), *more]
    data = [i for i in range(5) if inputs[i] is not None]
    return Op(
        "GroupQueryAttention",
        inputs,
        {"num_heads": N, "kv_num_heads": 1, **attributes},
        ("Y", "K", "V"),
        data,
        note=note,
    )


GROUPED = [
    grouped(),
    grouped(last=[1, 3], note="padded"),
    grouped(packed=True, note="packed", scale=0.2),
    grouped(note="window and cap", local_window_size=2, softcap=1.5),
    grouped(note="both ways", causal=0),
    grouped(note="smooth", smooth_softmax=1),
    grouped(*[None] * 4, floats(N), note="sink"),
    grouped(*[None] * 3, floats(1, N, 4, 4), note="bias and cap", softcap=2.0),
    grouped(*TABLES, note="rotary", do_rotary=1),
    grouped(*TABLES, note="rotary in pairs", packed=True, do_rotary=1, rotary_interleaved=1),
    grouped(*TABLES, np.array([[3, 4, 5, 6], [3, 4, 5, 6]]), note="positions", do_rotary=1),
    grouped(*TABLES, np.array([[3], [5]]), new=1, past=3, last=[1, 3], total=4, note="positions of one", do_rotary=1),
    grouped(new=1, past=3, last=[1, 3], total=4, note="past"),
    grouped(*TABLES, new=1, past=9, last=[1, 3], total=4, note="long buffer", do_rotary=1),
    grouped(new=1, past=9, last=[1, 3], total=4, note="long buffer and window", local_window_size=2),
    grouped(*[None] * 3, floats(1, N, 1, 4), new=1, past=9, last=[1, 3], total=4, note="long buffer and bias"),
    grouped(new=3, samples=1, past=9, last=[4], total=5, note="more new ones"),
    grouped(new=4, past=9, last=[3, 3], total=4, note="unread past"),
]

POSITIONS = np.array([[0, 1, 2], [2, 3, 4]])
ROTARY = [
    *(
        Op("RotaryEmbedding", [floats(B, 3, 8), POSITIONS, floats(6, 2), floats(6, 2)], a, note=n)
        for n, a in (("", {}), ("in pairs", {"interleaved": 1}), ("heads", {"num_heads": 2}), ("scale", {"scale": 2.0}))
    ),
    Op("RotaryEmbedding", [floats(B, 3, 8), np.array([2]), floats(6, 2), floats(6, 2)], note="from one position"),
    Op("RotaryEmbedding", [floats(B, 2, 3, 4), POSITIONS, floats(6, 2), floats(6, 2)], note="heads apart"),
    Op(
        "RotaryEmbedding",
        [floats(B, 3, 12), POSITIONS, floats(6, 2), floats(6, 2)],
        {"num_heads": 2, "rotary_embedding_dim": 4},
        opset=11,
        note="part of a head",
    ),
    Op(
        "RotaryEmbedding",
        [floats(1, 6, 8), np.array([[0, 1, 2, 0, 1, 2]]), floats(6, 2), floats(6, 2)],
        {"is_packed_batching": 1},
        note="packed",
    ),
]

X, GAMMA, BETA = floats(B, 3, 4), floats(4), floats(4)
NORMS = [
    Op("SkipLayerNormalization", [X, floats(B, 3, 4), GAMMA, BETA, floats(4)], {}, ("Y", "", "", "S"), (0, 1)),
    Op("SkipLayerNormalization", [X, floats(3, 4), GAMMA], {"epsilon": 1e-3}, note="one for all"),
    Op("SkipSimplifiedLayerNormalization", [X, floats(B, 3, 4), GAMMA, floats(4)], {}, ("Y", "", "", "S"), (0, 1)),
    Op("SimplifiedLayerNormalization", [X, GAMMA], {"axis": -1, "epsilon": 1e-3}, domain="", opset=12),
    Op("SimplifiedLayerNormalization", [X, floats(3, 4)], {"axis": 1}, domain="", note="two axes"),
    Op("LayerNormalization", [X, GAMMA, BETA], domain="", opset=12),
]

IMAGE = floats(B, 2, 5, 5)
FUSED = [
    *(
        Op(
            "FusedConv",
            [IMAGE, floats(3, 2, 3, 3), floats(3), floats(B, 3, 3, 3)],
            {"activation": a, **({"activation_params": p} if p else {})},
            note=a,
        )
        for a, p in (
            ("Relu", ()),
            ("Tanh", ()),
            ("LeakyRelu", (0.1,)),
            ("Clip", (-0.5, 0.5)),
            ("HardSigmoid", (0.2, 0.5)),
        )
        + (("Sigmoid", ()), ("HardSwish", ()))
    ),
    Op("FusedConv", [IMAGE, floats(2, 1, 3, 3)], {"group": 2, "strides": [2, 2], "pads": [1, 0, 1, 0]}, note="plain"),
    Op(
        "FusedConv",
        [IMAGE, floats(3, 2, 3, 3)],
        {"activation": "Clip", "activation_params": [0.0, 1.0]},
        opset=9,
        note="clip",
    ),
    *(
        Op(
            "FusedGemm",
            [floats(B, 3), floats(3, 4), floats(4)],
            {"activation": a, "activation_alpha": 0.3, "activation_beta": 0.4, "alpha": 0.5, "beta": 2.0},
            note=a,
        )
        for a in (
            "Relu",
            "LeakyRelu",
            "Tanh",
            "Sigmoid",
            "Elu",
            "HardSigmoid",
            "Softplus",
            "Softsign",
            "ThresholdedRelu",
        )
        + ("ScaledTanh", "ParametricSoftplus", "Celu")
    ),
    Op(
        "FusedGemm",
        [floats(3, B), floats(4, 3)],
        {"activation": "Relu", "transA": 1, "transB": 1},
        data=(),
        note="turned",
    ),
    *(
        Op(
            "FusedMatMul",
            [floats(B, 3, *((4, 5) if not a else (5, 4))), floats(B, 3, *((5, 6) if not b else (6, 5)))],
            {"transA": a, "transB": b, "alpha": alpha},
            data=(0, 1),
            note=f"{a}{b} {alpha}",
        )
        for a, b, alpha in ((0, 0, 1.0), (1, 0, 0.5), (0, 1, -2.0), (1, 1, 1.0))
    ),
    *(
        Op(
            "FusedMatMul",
            [floats(4, 4, 4), floats(4, 4, 4)],
            {"transBatchA": a, "transBatchB": b, "transA": c},
            data=(),
            note=f"batch {a}{b}{c}",
        )
        for a, b, c in ((1, 0, 0), (0, 1, 1), (1, 1, 1))
    ),
    Op("FusedMatMul", [floats(B, 3), floats(4, 3)], {"transB": 1}, note="weights"),
    Op("FusedMatMul", [floats(3), floats(4, 3)], {"transA": 1, "transB": 1}, data=(), note="vector"),
    Op("TransposeMatMul", [floats(B, 5, 4), floats(B, 5, 6)], {"transA": 1, "alpha": 0.5}, data=(0, 1)),
    Op("BiasGelu", [X, BETA]),
    Op("FastGelu", [X, BETA]),
    Op("FastGelu", [X], note="no bias"),
    Op("Gelu", [X]),
    Op("QuickGelu", [X], {"alpha": 0.7}),
]

IDS, TYPES = int32([[1, 2, 3], [0, 4, 5]]), int32([[0, 1, 0], [0, 1, 1]])
TABLE = [floats(7, 4), floats(6, 4)]
EMBEDDED = [
    Op(
        "EmbedLayerNormalization",
        [IDS, TYPES, *TABLE, floats(2, 4), GAMMA, BETA, bits(2, 3)],
        {},
        ("Y", "M", "E"),
        (),
        o,
    )
    for o in (11, 17)
] + [
    Op(
        "EmbedLayerNormalization",
        [IDS, None, *TABLE, None, GAMMA, BETA],
        {"epsilon": 1e-3},
        ("Y", "M"),
        (),
        note="no segments",
    ),
    Op(
        "EmbedLayerNormalization",
        [IDS, TYPES, *TABLE, floats(2, 4), GAMMA, BETA, None, int32([[1, 2, 5]])],
        {},
        ("Y", "M"),
        (),
        note="positions",
    ),
]

OTHERS = [
    *(
        Op("GridSample", [IMAGE, 0.6 * floats(B, 3, 3, 2)], {"mode": m}, data=(0, 1), opset=o, note=m)
        for m, o in (("bilinear", 11), ("bicubic", 16), ("nearest", 20))
    ),
    *(Op("GatherND", [X, np.array([[0, 1], [1, 2]])], data=(), opset=o) for o in (9, 17)),
    *(Op("Trilu", [floats(B, 3, 4), np.array(1)], {"upper": u}, opset=o) for u, o in ((0, 9), (1, 17))),
    Op("Pad", [X, np.array([[0, 0, 1, 0, 1, 0]]), np.array([3.0], np.float32)], note="list of lists"),
    Op("Pad", [X, np.array([0, 1, -1, 0, 0, 0])], {"mode": "reflect"}),
    *(Op("CDist", [floats(4, 3), floats(5, 3)], {"metric": m}, opset=o) for m in ("euclidean", "sqeuclidean") for o in (11, 17)),
    *(Op("ExpandDims", [X, np.array(a, np.int32)], note=str(a), opset=o) for a, o in ((1, 11), (-1, 17))),
    Op("Range", [int32(1), int32(4)], data=()),
    Op("Range", [int32(1), int32(9), int32(3)], data=(), note="steps"),
]


def old(op: str, x: np.ndarray = IMAGE, *more: np.ndarray, note: str = "", **attributes: object) -> Op:
    return Op(op, [x, *more], attributes, opset=8, domain="", note=note)


LEGACY = [
    old("Affine", alpha=0.3, beta=0.4),
    old("Scale", scale=2.0),
    old("ScaledTanh", alpha=0.3, beta=0.4),
    old("ParametricSoftplus", alpha=0.3, beta=0.4),
    old("ThresholdedRelu", alpha=0.3),
    old("ImageScaler", scale=2.0, bias=[1.0, -2.0]),
    old("Crop", border=[1, 2, 1, 0]),
    old("Crop", border=[1, 2, 0, 0], scale=[2, 3], note="to a size"),
    old("DynamicSlice", IMAGE, np.array([1]), np.array([3]), np.array([2])),
    *(
        Op(
            "MeanVarianceNormalization",
            [IMAGE],
            {"across_channels": c, "normalize_variance": v},
            (),
            (),
            8,
            "",
            f"{c}{v}",
        )
        for c in (0, 1)
        for v in (0, 1)
    ),
]
LEGACY = [op if op.outputs else Op(op.op, op.inputs, op.attributes, ("Y",), (), 8, "", op.note) for op in LEGACY]

CASES = [*ATTENTION, *GROUPED, *ROTARY, *NORMS, *FUSED, *EMBEDDED, *OTHERS, *LEGACY]


@pytest.mark.parametrize("op", CASES, ids=lambda op: op.id)
def test_an_operator_computes_what_onnxruntime_computes(op: Op) -> None:
    for constants in ([], op.weights) if op.weights else ([],):
        model = op.model(constants)
        same(op, theirs(model, op.feeds), constants)


@pytest.mark.parametrize("op", [op for op in CASES if op.data], ids=lambda op: op.id)
def test_its_gradient_is_the_quotient_of_differences_and_deep_lift_is_complete(op: Op) -> None:
    explains(op)


def test_the_numbers_of_a_row_come_in_the_order_in_which_they_are_found() -> None:
    op = Op("Unique", [np.array([2, 1, 1, 3, 2], np.float32)], outputs=("Y", "I", "C"))
    same(op, theirs(op.model(), op.feeds))
