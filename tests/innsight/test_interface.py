"""innsight's interface: converters, choices of nodes, results in every form, errors."""

from __future__ import annotations

from typing import Any

import matplotlib.figure
import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain import innsight

from .cases import arrays, converter

RANDOM = np.random.default_rng(0)


def dense(n_in: int, n_out: int, activation: str = "linear", **more: Any) -> dict[str, Any]:
    weight = RANDOM.standard_normal((n_out, n_in)).astype(np.float32)
    bias = RANDOM.standard_normal(n_out).astype(np.float32)
    return {"type": "Dense", "weight": weight, "bias": bias, "activation_name": activation, **more}


def vignette() -> innsight.Converter:
    """The net of the package's vignette, figure 1."""
    first = {
        "type": "Dense",
        "weight": np.array([[1.0], [0.8], [2.0]]),
        "bias": np.array([0, -0.4, -1.2]),
        "activation_name": "relu",
    }
    last = {"type": "Dense", "weight": np.array([[1.0, -1.0, 1.0]]), "bias": None, "activation_name": "tanh"}
    return innsight.convert({"layers": [first, last], "input_dim": 1})


VIGNETTE: list[tuple[Any, dict[str, Any], list[float], list[float]]] = [
    (innsight.run_grad, {}, [0.45], [0.8220012293690537]),
    (innsight.run_grad, {"times_input": True}, [0.49], [0.38890684181788737]),
    (innsight.run_lrp, {"rule_name": "epsilon", "rule_param": 0.1}, [0.49, 0.6], [0.313293, 0.231879]),
    (innsight.run_lrp, {"rule_name": "alpha_beta"}, [0.49, 0.6], [0.113554, 0.238850]),
    (innsight.run_lrp, {"rule_name": "alpha_beta", "rule_param": 2}, [0.49, 0.6], [1.816866, 0.955400]),
    (innsight.run_deeplift, {"x_ref": np.array([[0.1]])}, [0.55], [0.37027720430808]),
    (innsight.run_deeplift, {"x_ref": np.array([[0.1]]), "rule_name": "reveal_cancel"}, [0.55], [0.37027720430808]),
    (innsight.run_intgrad, {"x_ref": np.array([[0.1]])}, [0.55], [0.3668411246655752]),
]


@pytest.mark.parametrize(("run", "options", "x", "expected"), VIGNETTE)
def test_the_vignettes_numbers(run: Any, options: dict[str, Any], x: list[float], expected: list[float]) -> None:
    data = np.array(x)[:, None]
    result = run(vignette(), data, ignore_last_act=False, dtype="double", **options)
    np.testing.assert_allclose(result.get_result()[:, 0, 0], expected, rtol=5e-6)  # printed to six digits


def test_connection_weights_of_the_vignette() -> None:
    assert innsight.run_cw(vignette(), dtype="double").get_result().item() == pytest.approx(2.2)


def test_epsilon_is_a_thousandth_by_default() -> None:
    x = np.array([[0.49], [0.6]])
    plain = innsight.run_lrp(vignette(), x, rule_name="epsilon", dtype="double").get_result()
    given = innsight.run_lrp(vignette(), x, rule_name="epsilon", rule_param=0.001, dtype="double").get_result()
    np.testing.assert_array_equal(plain, given)


def global_max() -> innsight.Converter:
    weight = np.ones((1, 1, 1), np.float32)
    layers = [
        {"type": "Conv1D", "weight": weight, "activation_name": "linear"},
        {"type": "GlobalPooling", "method": "max"},
        {"type": "Dense", "weight": np.ones((1, 1), np.float32), "activation_name": "linear"},
    ]
    return innsight.convert({"layers": layers, "input_dim": [1, 4]})


def test_global_max_pooling_gives_all_to_every_tied_cell() -> None:
    values = innsight.run_lrp(global_max(), [[[2.0, 1.0, 2.0, 0.0]]], dtype="double").get_result()
    np.testing.assert_allclose(values[0, 0, :, 0], [2, 0, 2, 0], rtol=1e-12)


def test_connection_weights_at_max_pooling_go_to_the_first_of_the_window() -> None:
    layers = [{"type": "MaxPooling1D", "kernel_size": 2}, {"type": "Flatten"}, dense(3, 2)]
    conv = innsight.convert({"layers": layers, "input_dim": [1, 6]})
    values = innsight.run_cw(conv, dtype="double").get_result()
    np.testing.assert_allclose(values[0, 0, 0::2], layers[2]["weight"].T, rtol=1e-6)
    assert not values[0, 0, 1::2].any()


def test_results_nest_only_where_there_are_several() -> None:
    z = arrays("two_inputs")
    both = innsight.run_grad(converter("two_inputs"), [z["x1"], z["x2"]])
    assert {k: v.shape for k, v in both.get_result().items()} == {"Input_1": (2, 4, 3), "Input_2": (2, 2, 6, 6, 3)}
    x = arrays("two_outputs")["x1"]
    outputs = innsight.run_lrp(converter("two_outputs"), x, output_idx=[[0, 2], [1]]).get_result("torch_tensor")
    assert {k: tuple(v.shape) for k, v in outputs.items()} == {"Output_1": (3, 5, 2), "Output_2": (3, 5, 1)}
    second = innsight.run_lrp(converter("two_outputs"), x, output_idx=[None, 1])
    assert second.get_result().shape == (3, 5, 1) and second.output_idx == [None, [1]]


def two_branches() -> innsight.Converter:
    layers = [dense(2, 2, input_layers=[0], output_layers=[-1]), dense(3, 2, input_layers=[0], output_layers=[-1])]
    model = {"layers": layers, "input_dim": [[2], [3]], "input_nodes": [1, 2], "output_nodes": [1, 2]}
    return innsight.convert(model)


def test_an_input_that_cannot_reach_the_output_is_nan_and_none() -> None:
    result = innsight.run_grad(two_branches(), [np.ones((4, 2)), np.ones((4, 3))])
    array, tensor = result.get_result(), result.get_result("torch.tensor")
    assert np.isnan(array["Input_2"]).all() and np.isfinite(array["Input_1"]).all()
    assert tensor["Input_2"] is None and "not connected" in str(result)
    assert result.get_result("data.frame").value.isna().sum() == 4 * 3 * 2


def test_the_data_frame_has_innsights_columns_and_order() -> None:
    z = arrays("two_inputs")
    result = innsight.run_lrp(converter("two_inputs"), [z["x1"], z["x2"]], output_idx=[0, 2], dtype="double")
    frame = result.get_result("data.frame")
    assert list(frame.columns) == [
        "data", "model_input", "model_output", "feature", "feature_2", "channel", "output_node", "value", "pred",
        "decomp_sum", "decomp_goal", "input_dimension",
    ]  # fmt: skip
    image = frame[frame.model_input == "Input_2"].reset_index(drop=True)
    assert list(image.data[:3]) == ["data_1", "data_2", "data_1"] and list(image.channel[:4]) == [
        "C1",
        "C1",
        "C2",
        "C2",
    ]
    at = image[(image.data == "data_2") & (image.channel == "C2") & (image.feature == "H3") & (image.feature_2 == "W5")]
    values = result.get_result()["Input_2"]
    np.testing.assert_array_equal(at.value, values[1, 1, 2, 4])
    np.testing.assert_allclose(at.decomp_sum, values[1].sum((0, 1, 2)))
    np.testing.assert_allclose(at.pred, result.preds[0][1])
    table = innsight.run_grad(converter("nn_iris_tanh"), arrays("nn_iris_tanh")["x1"]).get_result("data.frame")
    assert (
        "channel" not in table
        and "feature_2" not in table
        and set(table.output_node) == {"setosa", "versicolor", "virginica"}
    )


def test_channels_last_data_give_channels_last_results() -> None:
    z = arrays("conv2d_padding_layer")["x1"]
    conv = converter("conv2d_padding_layer")
    # the same model and data, as an ONNX model whose layout is its own
    from onnxplain_converters.from_layers.layer_dict import to_onnx

    onnx_conv = innsight.convert(to_onnx(conv.source))
    first = innsight.run_lrp(onnx_conv, z, dtype="double").get_result()
    last = innsight.run_lrp(onnx_conv, np.moveaxis(z, 1, -1), channels_first=False, dtype="double").get_result()
    np.testing.assert_allclose(np.moveaxis(last, -2, 1), first, rtol=1e-12)
    frame = innsight.run_lrp(onnx_conv, np.moveaxis(z, 1, -1), channels_first=False).get_result("data.frame")
    row = frame[
        (frame.data == "data_1") & (frame.channel == "C2") & (frame.feature == "H4") & (frame.feature_2 == "W2")
    ]
    np.testing.assert_allclose(row.value, first[0, 1, 3, 1], rtol=1e-4)


def test_a_layout_that_an_onnx_model_states_is_kept() -> None:
    """Flatten's order follows the model, not the data: innsight permutes the features here."""
    weight = RANDOM.standard_normal((12, 2)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["x"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["y"])]
    graph = helper.make_graph(
        nodes,
        "flat",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(weight, "w")],
    )
    conv = innsight.convert(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8))
    x = RANDOM.standard_normal((2, 3, 4))
    last = innsight.run_grad(conv, np.moveaxis(x, 1, -1), channels_first=False)
    np.testing.assert_allclose(last.preds[0], x.reshape(2, 12) @ weight, rtol=1e-5)


def test_names_are_taken_from_the_arguments_the_dict_or_made_up() -> None:
    model = {"layers": [dense(2, 2)], "input_dim": [2], "input_names": ["a", "b"], "output_names": ["u", "v"]}
    assert innsight.convert(model).input_names == [[["a", "b"]]] and innsight.convert(model).output_names == [
        ["u", "v"]
    ]
    named = innsight.convert(model, input_names=["c", "d"], output_names=["s", "t"])
    assert named.input_names == [[["c", "d"]]] and named.output_names == [["s", "t"]]
    assert innsight.convert({"layers": [dense(2, 2)], "input_dim": 2}).output_names == [["Y1", "Y2"]]
    picked = innsight.run_grad(named, np.ones((1, 2)), output_label="t")
    assert picked.output_idx == [[1]] and "(t)" in str(picked)


def test_only_the_first_ten_nodes_are_explained_by_default() -> None:
    conv = innsight.convert({"layers": [dense(2, 13)], "input_dim": 2})
    assert innsight.run_grad(conv, np.ones((1, 2))).get_result().shape == (1, 2, 10)


WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "node": (lambda c, x: innsight.run_grad(c, x, output_idx=3), ox.TargetError, r"no nodes \[3\].*0 to 2"),
    "label": (lambda c, x: innsight.run_grad(c, x, output_label="foo"), ox.TargetError, "no output node 'foo'"),
    "both": (lambda c, x: innsight.run_grad(c, x, output_idx=0, output_label="Y2"), ox.TargetError, "different nodes"),
    "rule": (lambda c, x: innsight.run_lrp(c, x, rule_name="pass"), ox.RuleError, "rule_name='pass'"),
    "pass": (
        lambda c, x: innsight.run_lrp(c, x, rule_name={"Dense_Layer": "pass"}),
        ox.RuleError,
        "pass is for BatchNorm_Layer",
    ),
    "class": (
        lambda c, x: innsight.run_lrp(c, x, rule_name={"Foo": "simple"}),
        ox.RuleError,
        r"\['Foo'\].*Dense_Layer",
    ),
    "deeplift": (lambda c, x: innsight.run_deeplift(c, x, rule_name="linear"), ox.RuleError, "no rule 'linear'"),
    "rows": (lambda c, x: innsight.run_deeplift(c, x, x_ref=x), ox.InputError, "x_ref is one sample"),
    "shape": (lambda c, x: innsight.run_grad(c, x[:, :3]), ox.InputError, r"shape \(2, 3\).*channels_first"),
    "text": (
        lambda c, x: innsight.run_grad(c, x.astype(str).astype(object) + "a"),
        ox.InputError,
        "no array of numbers",
    ),
    "dtype": (lambda c, x: innsight.run_grad(c, x, dtype="half"), ox.InputError, "'float' or 'double'"),
    "weights": (lambda c, x: innsight.run_cw(c, times_input=True), ox.InputError, "give data"),
    "result": (lambda c, x: innsight.run_grad(c, x).get_result("list"), ox.InputError, "'array'"),
    "plotted": (
        lambda c, x: innsight.run_grad(c, x, output_idx=0).plot(output_idx=1),
        ox.InputError,
        "was not explained",
    ),
    "global": (lambda c, x: innsight.run_cw(c).plot_global(), ox.InputError, "same for all samples"),
    "dimension": (lambda c, x: innsight.convert(c.source, input_dim=7), ox.InputError, r"sizes \[\(4,\)\]"),
    "type": (
        lambda c, x: innsight.convert({"layers": [{"type": "LSTM"}], "input_dim": 3}),
        ox.ConverterError,
        "'LSTM'",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_is_refused_by_name(name: str) -> None:
    call, error, message = WRONG[name]
    conv = innsight.convert({"layers": [dense(4, 5, "relu"), dense(5, 3, "softmax")], "input_dim": 4})
    with pytest.raises(error, match=message):
        call(conv, RANDOM.standard_normal((2, 4)))


def test_noise_is_measured_over_the_whole_batch() -> None:
    conv = innsight.convert({"layers": [dense(2, 1)], "input_dim": 2})
    x = np.array([[0.0, 1.0], [100.0, 0.0]])
    result = innsight.run_smoothgrad(conv, x, n=4000, noise_level=0.1, times_input=True, dtype="double", seed=1)
    weight = conv.source["layers"][0]["weight"][0]
    noise = np.abs(result.get_result()[0, :, 0] / weight - x[0])  # mean of 4000 draws with σ = 10, not 0.1
    assert (noise < 5 * 10 / 4000**0.5).all() and noise.max() > 0.01


def test_pictures_are_figures() -> None:
    z = arrays("two_inputs")
    result = innsight.run_lrp(converter("two_inputs"), [z["x1"], z["x2"]], output_idx=[0, 2])
    several = result.plot(data_idx=[0, 1], output_idx=[0, 2], same_scale=True, show_preds=False)
    assert isinstance(several, matplotlib.figure.Figure) and len(several.axes) >= 8
    assert isinstance(result.plot_global(ref_data_idx=1, data_idx=[0, 1]), matplotlib.figure.Figure)
    assert len(result.boxplot(output_idx=[0, 2])) == 2


def module() -> torch.nn.Sequential:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.Tanh(), torch.nn.Linear(6, 3), torch.nn.Softmax(-1))


def as_layers(m: torch.nn.Sequential) -> innsight.Converter:
    layers = [
        {
            "type": "Dense",
            "weight": m[i].weight.detach().numpy(),
            "bias": m[i].bias.detach().numpy(),
            "activation_name": a,
        }
        for i, a in ((0, "tanh"), (2, "softmax"))
    ]
    return innsight.convert({"layers": layers, "input_dim": 4})


@pytest.mark.parametrize("ignore", [True, False])
@pytest.mark.parametrize("name", ["grad", "intgrad"])
def test_autograd_on_a_module_equals_the_converted_model(name: str, ignore: bool) -> None:
    m, x, ref = module(), RANDOM.standard_normal((5, 4)), RANDOM.standard_normal((1, 4))
    options = {"x_ref": ref, "n": 13} if name == "intgrad" else {"times_input": True}
    direct = {"grad": innsight.torch_grad, "intgrad": innsight.torch_intgrad}[name]
    converted = {"grad": innsight.run_grad, "intgrad": innsight.run_intgrad}[name]
    result = direct(m, x, ignore_last_act=ignore, return_object=True, dtype="double", **options)
    same = converted(as_layers(m), x, ignore_last_act=ignore, dtype="double", **options)
    np.testing.assert_allclose(result.get_result(), same.get_result(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(result.decomp_goal[0], same.decomp_goal[0], rtol=1e-10)
    tensor = direct(m, x, ignore_last_act=ignore, dtype="double", **options)
    assert isinstance(tensor, torch.Tensor) and tuple(tensor.shape) == (5, 4, 3)
    assert isinstance(result.plot(), matplotlib.figure.Figure)
    assert m[0].weight.dtype == torch.float32 and m.training and all(p.requires_grad for p in m.parameters())


def test_autograd_averages_with_a_seed_and_many_rows() -> None:
    m, x = module(), RANDOM.standard_normal((300, 4))
    none = innsight.torch_smoothgrad(m, x, n=2, noise_level=0.0, dtype="double")
    torch.testing.assert_close(none, innsight.torch_grad(m, x, dtype="double"))
    refs = RANDOM.standard_normal((7, 4))
    twice = [innsight.torch_expgrad(m, x, data_ref=refs, n=3, seed=5) for _ in range(2)]
    assert torch.equal(*twice)
    result = innsight.torch_expgrad(m, x[:3], data_ref=refs, n=3000, seed=5, dtype="double", return_object=True)
    np.testing.assert_allclose(result.get_result().sum(1), result.decomp_goal[0], atol=0.05)


class Pair(torch.nn.Module):
    """Two inputs, two outputs; the second output does not read the first input."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return a * b.sum(1, keepdim=True), b**2


def test_autograd_takes_several_inputs_and_outputs() -> None:
    a, b = np.ones((2, 3)), np.full((2, 4), 2.0)
    out = innsight.torch_grad(Pair(), (a, b), output_idx=[[0], [3]])
    np.testing.assert_allclose(out["Output_1"]["Input_1"][0, :, 0], [8, 0, 0])
    np.testing.assert_allclose(out["Output_2"]["Input_2"][0, :, 0], [0, 0, 0, 4])
    assert out["Output_2"]["Input_1"] is None


def test_lime_and_shap_follow_a_linear_model() -> None:
    conv = innsight.convert({"layers": [dense(3, 2)], "input_dim": 3})
    x, refs = RANDOM.standard_normal((4, 3)), RANDOM.standard_normal((6, 3))
    weight = conv.source["layers"][0]["weight"]
    expected = weight.T * (x - refs.mean(0))[..., None]
    shap = innsight.run_shap(conv, x, refs, seed=0)
    np.testing.assert_allclose(shap.get_result(), expected, rtol=1e-4, atol=1e-5)
    lime = innsight.run_lime(conv, x, refs, seed=0, n=3000)
    np.testing.assert_allclose(lime.get_result(), expected, rtol=0.05, atol=0.02)
