"""What onnxruntime is given to compare: the bytes that were read where they are computed as they stand, else the part that is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

import onnxplain as ox
from onnxplain.frontend.runtime import session
from onnxplain.layers.affine.conv import Conv
from tests.engine.models import CASES


def test_an_unchanged_file_is_compared_byte_by_byte() -> None:
    data = CASES["cnn"].proto().SerializeToString()
    model = ox.load(data)
    assert model.source is not None and model.source.whole() == data
    model.check()


def test_a_file_without_verification_keeps_no_bytes() -> None:
    assert ox.load(CASES["cnn"].proto().SerializeToString(), verify="never").source is None


@pytest.mark.parametrize("options", [{"outputs": ["pooled"]}, {"inputs": ["pooled"]}], ids=str)
def test_a_cut_file_is_compared_as_it_was_cut(options: dict[str, list[str]]) -> None:
    data = CASES["cnn"].proto().SerializeToString()
    model = ox.load(data, **options)
    assert model.source is not None and model.source.size < len(data)
    kept = onnx.load_model_from_string(model.source.whole()).graph
    assert [v.name for v in kept.output] == list(model.outputs)
    model.check()


def _proto(nodes: list[onnx.NodeProto], n_outputs: int = 1) -> bytes:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    outputs = [helper.make_tensor_value_info(f"y{i}", TensorProto.FLOAT, None) for i in range(n_outputs)]
    graph = helper.make_graph(nodes, "g", [x], outputs)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def test_nodes_out_of_order_unneeded_or_with_unnamed_pieces_are_written_anew() -> None:
    make = helper.make_node
    for data in (
        _proto([make("Relu", ["h"], ["y0"]), make("Neg", ["x"], ["h"])]),
        _proto([make("Relu", ["x"], ["y0"]), make("Neg", ["x"], ["unread"])]),
        _proto([make("Split", ["x"], ["y0", ""], axis=1)]),
    ):
        model = ox.load(data)
        assert model.source is not None and model.source.whole() != data
        model.check()


def test_a_file_that_changes_after_it_was_read_is_still_compared_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(CASES["mlp"].proto().SerializeToString())
    model = ox.load(path)
    path.write_bytes(b"gone")
    model.check()


@pytest.mark.parametrize("shape", [(5, 3, 7), (64, 32, 3, 3), (64, 32, 1, 1), (4, 3, 2, 2, 2)], ids=str)
def test_scaled_weights_are_right_to_the_last_digits_and_lie_as_convolutions_read_them(shape: tuple[int, ...]) -> None:
    g = torch.Generator().manual_seed(0)
    w, a, shift = torch.randn(shape, generator=g), torch.rand(shape[0], generator=g).double() + 0.1, torch.randn(shape[0], generator=g)
    before = w.clone()
    made = Conv(w).scaled_after(a, shift)
    exact = w.double() * a.reshape(-1, *[1] * (len(shape) - 1))
    torch.testing.assert_close(made.w.double(), exact, rtol=2e-7, atol=0)  # two roundings to float32
    assert torch.equal(w, before)
    assert len(shape) != 4 or made.w.is_contiguous(memory_format=torch.channels_last)


def test_weights_are_laid_out_where_they_are_used_and_not_where_they_were_merged() -> None:
    make, w = helper.make_node, np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    model = ox.load(_conv_net([make("Conv", ["x", "w"], ["h"]), make("BatchNormalization", ["h", *"abcd"], ["n"]), make("Relu", ["n"], ["y"])], w))
    read, merged = (next(n.layer for n in graph.nodes if n.op == "Conv") for graph in (model.raw, model.graph))
    assert read.w.is_contiguous() and not read.w.is_contiguous(memory_format=torch.channels_last)
    assert merged.w.is_contiguous(memory_format=torch.channels_last)
    ox.explain(model, np.ones((1, 3, 5, 5), np.float32), "gradient", target=[(0, 0, 0)], layers=["h"])  # which is computed again
    assert read.w.is_contiguous(memory_format=torch.channels_last)


def test_a_weight_with_nan_or_infinity_is_refused_and_large_finite_ones_are_not() -> None:
    for bad in (np.nan, np.inf):
        w = np.ones((4, 3), np.float32)
        w[1, 2] = bad
        with pytest.raises(ox.ModelError, match="NaN|infinity"):
            ox.load(_dense(w))
    with pytest.raises(ox.ModelError, match="NaN"):
        ox.load(_dense(np.array([[np.inf], [-np.inf], [np.nan], [1]], np.float32)))
    ox.load(_dense(np.full((4, 3), 3e38, np.float32)), verify="never")  # their sum is infinite, they are not


def _dense(w: np.ndarray) -> onnx.ModelProto:
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [onnx.numpy_helper.from_array(w, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _conv_net(nodes: list[onnx.NodeProto], w: np.ndarray) -> bytes:
    """x (N, 3, 5, 5) → y (N, 4, 3, 3), with weights w and the statistics a, b, c, d of four channels."""
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3, 5, 5])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 4, 3, 3])
    statistics = [onnx.numpy_helper.from_array(np.linspace(0.5, k, 4).astype(np.float32), v) for k, v in enumerate("abcd", 1)]
    graph = helper.make_graph(nodes, "g", [x], [y], [onnx.numpy_helper.from_array(w, "w"), *statistics])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()


def test_large_weights_are_inputs_of_a_session_that_is_run_once_where_operators_take_them() -> None:
    make, r = helper.make_node, np.random.default_rng(0)
    w, u = r.normal(size=(2, 80, 80)).astype(np.float32)
    nodes = [make("MatMul", ["x", "w"], ["h"]), make("Add", ["u", "h"], ["a"]), make("MatMul", ["a", "u"], ["y"])]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [80, 80])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", [x], [y], [onnx.numpy_helper.from_array(w, "w"), onnx.numpy_helper.from_array(u, "u")])
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    model = ox.load(proto.SerializeToString(), verify="always")
    assert model.source is not None
    runtime = session(model.source, once=True)
    assert [i.name for i in runtime.get_inputs()] == ["x", "w"]  # Add reads u, too
    data = r.normal(size=(80, 80)).astype(np.float32)
    (alone,) = session(model.source).run(["y"], {"x": data})
    np.testing.assert_array_equal(runtime.run(["y"], {"x": data, "w": w})[0], alone)


def test_weights_in_half_precision_are_scaled_with_one_rounding() -> None:
    g = torch.Generator().manual_seed(0)
    w, a = torch.randn(8, 3, 3, 3, generator=g).half(), torch.rand(8, generator=g).double()
    made = Conv(w).scaled_after(a, torch.zeros(8)).w
    assert torch.equal(made, (w.float() * a.float().reshape(-1, 1, 1, 1)).half())
