"""LSTM, GRU and RNN compute what onnxruntime computes, whatever their attributes and inputs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.errors import ModelError, UnsupportedOpError
from onnxplain.frontend.build import build
from onnxplain.frontend.read import read
from onnxplain.graph.plan import Forward
from onnxplain.layers.kinds import Affine

from ..layers.harness import C, Case, normal
from .recurrent_nodes import CASES, DIRECTIONS, GATES, LENGTHS, UNITS, node


def made_of(case: Case, dtype: torch.dtype = torch.float64) -> dict[str, np.ndarray]:
    graph = build(read(case.model()), dtype=dtype).graph
    feeds = {n: torch.from_numpy(np.array(x)) for n, x in case.feeds().items()}
    trace = Forward(graph, graph.inputs, graph.outputs, None).run(
        {n: x.to(dtype) if x.is_floating_point() else x for n, x in feeds.items()}
    )
    return {v: trace[v].numpy() for v in graph.outputs}


def same(made: np.ndarray, expected: np.ndarray) -> None:
    np.testing.assert_allclose(made, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.id)
def test_a_node_computes_what_onnxruntime_computes(case: Case) -> None:
    made = made_of(case)
    for k, y in enumerate(case.expected()):
        assert y.shape == made[f"o{k}"].shape
        np.testing.assert_allclose(made[f"o{k}"], y, rtol=1e-5, atol=1e-5 * np.abs(y).max(), err_msg=f"output {k}")


@pytest.mark.parametrize("op", GATES)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_samples_first_is_the_same_transposed(op: str, direction: str) -> None:
    # onnxruntime has no layout 1
    case = node(op, direction=direction, lengths=LENGTHS, start="dynamic")
    turned = [x.swapaxes(0, 1) if i in (0, 5, 6) and isinstance(x, np.ndarray) else x for i, x in enumerate(case.inputs)]
    made, expected = made_of(replace(case, inputs=turned, attrs={**case.attrs, "layout": 1})), made_of(case)
    same(made["o0"], expected["o0"].transpose(2, 0, 1, 3))
    for k in range(1, case.n_outputs):
        same(made[f"o{k}"], expected[f"o{k}"].swapaxes(0, 1))


@pytest.mark.parametrize("wanted", [(0,), (1,), (2,), (0, 2), (1, 2)], ids=str)
def test_any_of_the_outputs_may_be_left_out(wanted: tuple[int, ...]) -> None:
    case = node("LSTM", direction="bidirectional")
    proto = case.model()
    for k in range(3):
        if k not in wanted:
            proto.graph.node[0].output[k] = ""
    del proto.graph.output[:]
    proto.graph.output.extend(onnx.ValueInfoProto(name=f"o{k}") for k in wanted)
    graph = build(read(proto), dtype=torch.float64).graph
    trace = Forward(graph, graph.inputs, graph.outputs, None).run({"i0": torch.from_numpy(case.feeds()["i0"]).double()})
    expected = made_of(case)
    for k in wanted:
        same(trace[f"o{k}"].numpy(), expected[f"o{k}"])


def test_the_size_is_that_of_the_weights_where_the_node_does_not_say() -> None:
    case = node("GRU")
    made = made_of(replace(case, attrs={}))
    same(made["o0"], made_of(case)["o0"])


def test_all_steps_share_one_product_with_the_input() -> None:
    graph = build(read(node("LSTM", direction="bidirectional").model())).graph
    outside = [n.name for n in graph.nodes if isinstance(n.layer, Affine) and n.op == "MatMul"]
    inside = [n.name for n in graph.every_node() if n.op == "MatMul" and n.name not in outside]
    assert outside == ["node/forward/input 0", "node/reverse/input 0"]
    assert inside == ["node/forward/state", "node/reverse/state"]


@pytest.mark.parametrize("name", ["Affine", "ScaledTanh", "ThresholdedRelu"])
def test_a_function_whose_default_is_disputed_must_have_its_numbers(name: str) -> None:
    case = node("RNN", activations=[name])
    with pytest.raises(ModelError, match=f"computes {name} without activation_alpha"):
        build(read(case.model()))


@pytest.mark.parametrize(
    "attrs",
    [{"activations": ["Sine", "Tanh", "Tanh"]}, {"activations": ["Tanh"]}, {"direction": "sideways"}, {"clip": -1.0}],
    ids=str,
)
def test_what_no_one_defines_is_refused(attrs: dict[str, object]) -> None:
    with pytest.raises(UnsupportedOpError, match="LSTM"):
        build(read(node("LSTM", **attrs).model()))  # type: ignore[arg-type]


def test_attention_around_an_lstm_is_refused() -> None:
    proto = node("LSTM").model()
    proto.graph.node[0].op_type, proto.graph.node[0].domain = "AttnLSTM", "com.microsoft"
    proto.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    with pytest.raises(UnsupportedOpError, match="AttnLSTM"):
        build(read(proto))


def test_a_quantised_lstm_is_near_what_onnxruntime_computes() -> None:
    # onnxruntime rounds the state to 8 bits before every step, too
    case = node("LSTM", start="constant", direction="bidirectional")
    x, w, r, b, _, h, c = (v.value if isinstance(v, C) else v for v in case.inputs)
    stored = {"b": b, "h": h, "c": c}
    for name, weights in (("w", w), ("r", r)):
        scale = np.abs(weights).max((1, 2)) / 127
        whole = np.round(weights / scale[:, None, None]).astype(np.int8)
        stored |= {name: whole.swapaxes(1, 2), f"{name}_scale": scale, f"{name}_zero": np.zeros(2, np.int8)}
    reads = ["x", "w", "r", "b", "", "h", "c", "", "w_scale", "w_zero", "r_scale", "r_zero"]
    quantised = {"domain": "com.microsoft", "hidden_size": UNITS, "direction": "bidirectional"}
    graph = helper.make_graph(
        [helper.make_node("DynamicQuantizeLSTM", reads, ["o0"], name="node", **quantised)],
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
        [helper.make_tensor_value_info("o0", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in stored.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    proto = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    expected = ort.InferenceSession(proto.SerializeToString()).run(None, {"x": x})[0]
    graph = build(read(proto), dtype=torch.float64).graph
    trace = Forward(graph, graph.inputs, graph.outputs, None).run({"x": torch.from_numpy(x).double()})
    np.testing.assert_allclose(trace["o0"].numpy(), expected, rtol=0, atol=0.02 * np.abs(expected).max())


def test_a_first_state_made_for_one_sample_serves_many() -> None:
    case = node("GRU", start="constant")
    one = [v if i != 5 else C(v.value[:, :1]) for i, v in enumerate(case.inputs)]
    many = [v if i != 5 else C(np.repeat(v.value[:, :1], 3, 1)) for i, v in enumerate(case.inputs)]
    same(made_of(replace(case, inputs=one))["o1"], made_of(replace(case, inputs=many))["o1"])


def test_predict_takes_the_axis_that_holds_the_samples() -> None:
    proto = node("LSTM").model()
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "n"
    model = ox.load(proto, batch_axis=1, verify="always")
    x = normal(5, 7, 4, seed=3)
    together = model.predict(x)["o0"]
    np.testing.assert_allclose(together[:, :, 2:3], model.predict(x[:, 2:3])["o0"], rtol=1e-5, atol=1e-6)
