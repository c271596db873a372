"""What is not written out is reported by name; what files leave unsaid is read as onnxruntime reads it."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.frontend.build import build
from onnxplain.frontend.read import read

from .harness import MICROSOFT, Op, floats, int32, ours, run, theirs

X, W = floats(2, 4, 6), floats(6, 18)
THREE = [floats(2, 4, 32), floats(2, 4, 16), floats(2, 4, 16)]
REFUSED = [
    Op("Attention", [X, W], {"num_heads": 2, "do_rotary": 1}),
    Op("Attention", [X, W], {"num_heads": 2, "past_present_share_buffer": 1}),
    Op("Attention", [X, W, None, np.ones((2, 1, 4, 4), np.int32)], {"num_heads": 2}),
    Op("MultiHeadAttention", [X, X, X], {"num_heads": 2}, ("Y", "", "", "S")),
    Op(
        "GroupQueryAttention",
        [*THREE, None, None, int32(3, 3), int32(4)],
        {"num_heads": 2, "kv_num_heads": 1},
        ("Y", "", "", "S"),
    ),
    Op("FusedConv", [floats(1, 2, 4, 4), floats(2, 2, 3, 3)], {"activation": "Elu2"}),
    Op("FusedGemm", [floats(2, 3), floats(3, 4)], {"activation": "Selu"}),
    Op("SkipLayerNormalization", [X, X, floats(6)], {}, ("Y", "M")),
    Op("BiasDropout", [X, floats(6)], {}, ("Y", "M")),
    Op("BiasSoftmax", [X, X], {"axis": 1, "is_inner_broadcast": 0}),
    Op("Irfft", [floats(3, 5, 2)], {"signal_ndim": 1, "onesided": 1, "normalized": 0}),
    Op("BeamSearch", [np.array([[1, 2]], np.int32)]),
]


@pytest.mark.parametrize("op", REFUSED, ids=lambda op: f"{op.id} {len(op.outputs)} {list(op.attributes)}")
def test_an_operator_that_is_not_written_out_is_named(op: Op) -> None:
    with pytest.raises(ox.errors.UnsupportedOpError, match=f"{MICROSOFT}:{op.op} × 1"):
        build(read(op.model()))


@pytest.mark.parametrize(
    "op",
    [Op("FusedMatMul", [X, X], {"transB": 1}), Op("SkipLayerNormalization", [X, X, floats(6)])],
    ids=lambda op: op.id,
)
def test_a_file_need_not_name_the_domain(op: Op) -> None:
    model = op.model(imported=False)
    np.testing.assert_allclose(ours(model, op.feeds)[0], theirs(model, op.feeds)[0], rtol=1e-5, atol=1e-5)


def test_ranks_are_known_behind_operators_that_onnx_does_not_know() -> None:
    """Each product must know its rank, which only its predecessor tells."""
    nodes = [helper.make_node("Gelu", ["x"], ["v0"], domain=MICROSOFT)]
    nodes += [
        helper.make_node("FusedMatMul", [f"v{k}", f"v{k}"], [f"v{k + 1}"], domain=MICROSOFT, transA=1) for k in range(4)
    ]
    nodes += [helper.make_node("SkipLayerNormalization", ["v4", "v4", "g"], ["y"], domain=MICROSOFT)]
    infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", ["N", 3, 3]), ("g", [3]))]
    graph = helper.make_graph(nodes, "chain", infos, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid(MICROSOFT, 1)], ir_version=8
    )
    feeds = {"x": 0.3 * floats(2, 3, 3), "g": floats(3)}
    built = build(read(model)).graph
    assert built.shapes["y"] == (None, 3, 3)
    np.testing.assert_allclose(run(built, feeds)[0], theirs(model, feeds)[0], rtol=1e-4, atol=1e-5)


def test_lengths_and_masks_are_conditions_and_get_no_relevance() -> None:
    tables = floats(8, 8), floats(8, 8)
    inputs = [*THREE, None, None, int32(3, 3), int32(4), *tables]
    op = Op("GroupQueryAttention", inputs, {"num_heads": 2, "kv_num_heads": 1, "do_rotary": 1}, data=(0, 1, 2))
    masked = Op("Attention", [X, W, None, int32([[1, 1, 0, 1], [1, 1, 1, 0]])], {"num_heads": 2})
    for case in (op, masked):
        feeds = {n: v for n, v in case.feeds.items() if n not in case.weights}
        axes = {n: 0 if v.ndim else None for n, v in feeds.items()}
        model = ox.load(case.model(case.weights), verify="never", batch_axis=axes)
        e = ox.explain(model, feeds, "lrp", target=[0])
        assert [n for n in feeds if e[n].connected] == [f"i{k}" for k in case.data]
