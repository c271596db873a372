"""Whole models against the numbers of captum 0.9.0, zennit 0.5.1 and tangermeme 1.6.0 (tests/golden/peers/README.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain.methods.integrated_gradients import QUADRATURES
from onnxplain.rules import Epsilon as EpsilonRule
from onnxplain.rules import (
    EpsilonAlpha2Beta1,
    EpsilonAlpha2Beta1Flat,
    EpsilonGammaBox,
    EpsilonPlus,
    EpsilonPlusFlat,
)

from .oracle import close

FILE = Path(__file__).parent.parent / "golden" / "peers" / "golden_torch.npz"
GOLDEN = dict(np.load(FILE))
TARGET = 1


def model(problem: str, layers: list[tuple[Any, ...]], shape: tuple[int, ...]) -> ox.Model:
    """Layers one after the other: (operator, number of the torch module whose weights it has or None, attributes)."""
    nodes, weights, value = [], [], "x"
    for i, (op, module, attributes) in enumerate(layers):
        names = []
        for part in ("weight", "bias") if module is not None else ():
            names.append(f"{module}.{part}")
            weights.append(numpy_helper.from_array(GOLDEN[f"{problem}/in/{module}.{part}"], names[-1]))
        extra = attributes.pop("inputs", [])
        for k, array in enumerate(extra):
            names.append(f"{i}.constant {k}")
            weights.append(numpy_helper.from_array(np.asarray(array), names[-1]))
        made = "y" if i == len(layers) - 1 else f"v{i}"
        reads = [*(attributes.pop("reads", None) or [value]), *names]
        nodes.append(helper.make_node(op, reads, [made], name=f"{op}_{i}", **attributes))
        value = made
    x = helper.make_tensor_value_info("x", TensorProto.DOUBLE, ["N", *shape])
    y = helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["N", 3])
    graph = helper.make_graph(nodes, problem, [x], [y], weights)
    proto: ModelProto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
    return ox.load(proto, dtype="float64", verify="never")


def cnn() -> ox.Model:
    dense: dict[str, Any] = {"transB": 1}
    return model(
        "cnn",
        [
            ("Conv", 0, {"pads": [1, 1, 1, 1]}),
            ("Relu", None, {}),
            ("Conv", 2, {"pads": [1, 1, 1, 1]}),
            ("Relu", None, {}),
            ("MaxPool", None, {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("Conv", 5, {}),
            ("Relu", None, {}),
            ("AveragePool", None, {"kernel_shape": [2, 2], "strides": [2, 2]}),
            ("Flatten", None, {}),
            ("Gemm", 9, dict(dense)),
            ("Relu", None, {}),
            ("Gemm", 11, dict(dense)),
        ],
        (2, 8, 8),
    )


def linear(module: int) -> tuple[Any, ...]:
    return ("Gemm", module, {"transB": 1})


PROBLEMS: dict[str, tuple[list[tuple[Any, ...]], tuple[int, ...]]] = {
    "dl_mlp_relu": ([linear(0), ("Relu", None, {}), linear(2), ("Tanh", None, {}), linear(4)], (6,)),
    "dl_softmax": ([linear(0), ("Relu", None, {}), linear(2), ("Softmax", None, {"axis": 1})], (6,)),
    "dl_layernorm": ([linear(0), ("LayerNormalization", 1, {"axis": -1}), linear(2)], (6,)),
    "dl_gelu": ([linear(0), ("Gelu", None, {}), linear(2)], (6,)),
    "dl_gelu_by_parts": (
        [
            linear(0),
            ("Div", None, {"inputs": [2**0.5]}),
            ("Erf", None, {}),
            ("Add", None, {"inputs": [1.0]}),
            ("Mul", None, {"reads": ["v3", "v0"]}),
            ("Mul", None, {"inputs": [0.5]}),
            linear(2),
        ],
        (6,),
    ),
    "dl_silu": ([linear(0), ("Sigmoid", None, {}), ("Mul", None, {"reads": ["v0", "v1"]}), linear(2)], (6,)),
    **{
        f"dl_maxpool_k{k}s{s}p{p}": (
            [
                ("Conv", 0, {"pads": [1] * 4}),
                ("Relu", None, {}),
                ("MaxPool", None, {"kernel_shape": [k, k], "strides": [s, s], "pads": [p] * 4}),
                ("Flatten", None, {}),
                linear(4),
            ],
            (2, 8, 8),
        )
        for k, s, p in ((2, 2, 0), (3, 2, 1))
    },
}


def golden(problem: str, name: str) -> np.ndarray:
    return GOLDEN[f"{problem.removesuffix('_by_parts')}/{name}"]


@pytest.mark.parametrize("problem", PROBLEMS)
def test_deeplift_equals_tangermeme_and_is_complete(problem: str) -> None:
    layers, shape = PROBLEMS[problem]
    net = model(problem.removesuffix("_by_parts"), [(o, m, dict(a)) for o, m, a in layers], shape)
    x, base = golden(problem, "in/x"), golden(problem, "in/baseline")
    method = ox.DeepLift(baseline=base, ignore_last_activation=False)
    e = ox.explain(net, x, method, target="all")
    f_x, f_b = golden(problem, "in/f_x"), golden(problem, "in/f_b")
    close(e.predictions["y"], f_x, 1e-12)
    close(e.goals["y"], f_x - f_b, 1e-12)
    close(e.sums["y"], f_x - f_b, 1e-12)
    # softmax: complete decompositions are many; tangermeme's depends on what is added to all logits, ours does not
    if problem != "dl_softmax":
        close(e.values[..., TARGET], golden(problem, f"tangermeme/hooks/target{TARGET}"), 1e-9)


@pytest.mark.parametrize(
    ("ours", "theirs", "share"),
    [
        ("gauss_legendre", "gausslegendre", 1.0),
        ("riemann_right", "riemann_right", 1.0),
        ("riemann_left", "riemann_left", 1.0),
        ("riemann_middle", "riemann_middle", 1.0),
        ("riemann_trapezoid", "riemann_trapezoid", 49 / 50),  # captum's weights sum to (n − 1)/n
    ],
)
@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_integrated_gradients_equal_captum(
    ours: str, theirs: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    points, weights = QUADRATURES[ours](50)
    rounded = (weights * share).astype(np.float32).astype(np.float64)  # as captum does
    monkeypatch.setitem(QUADRATURES, ours, lambda n: (points, rounded))
    method = ox.IntegratedGradients(baseline=GOLDEN["cnn/in/baseline"], n_steps=50, quadrature=ours)
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], method, target=TARGET)
    close(e.values[..., 0], GOLDEN[f"cnn/captum/IG_{theirs}_50/target{TARGET}"], 1e-9)


@pytest.mark.filterwarnings("ignore:.*attributions miss:UserWarning")
def test_integrated_gradients_equal_zennit() -> None:
    method = ox.IntegratedGradients(n_steps=20, quadrature="riemann_right")
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], method, target=TARGET)
    close(e.values[..., 0], GOLDEN[f"cnn/zennit/IG_n20_zero_baseline/target{TARGET}"], 1e-9)


COMPOSITES: dict[str, Any] = {
    "EpsilonPlus": EpsilonPlus(),
    "EpsilonPlusFlat": EpsilonPlusFlat(),
    "EpsilonAlpha2Beta1": EpsilonAlpha2Beta1(),
    "EpsilonAlpha2Beta1Flat": EpsilonAlpha2Beta1Flat(),
    "EpsilonGammaBox": EpsilonGammaBox(low=-3.0, high=3.0),
    "EpsilonPlus_nobias": EpsilonPlus(bias="ignore"),
    "EpsilonGammaBox_nobias": EpsilonGammaBox(low=-3.0, high=3.0, bias="ignore"),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_composite_equals_zennit(name: str) -> None:
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], ox.LRP(COMPOSITES[name]), target=TARGET)
    close(e.predictions["y"][:, 0], GOLDEN["cnn/in/f"][:, TARGET], 1e-12)
    close(e.values[..., 0], GOLDEN[f"cnn/zennit/{name}/target{TARGET}"], 1e-9)


def test_a_composite_by_name_is_the_same() -> None:
    by_name = ox.explain(cnn(), GOLDEN["cnn/in/x"], ox.LRP("epsilon_alpha2_beta1_flat"), target=TARGET)
    close(by_name.values[..., 0], GOLDEN[f"cnn/zennit/EpsilonAlpha2Beta1Flat/target{TARGET}"], 1e-9)
    default = ox.explain(cnn(), GOLDEN["cnn/in/x"], "lrp", target=TARGET)
    close(default.values[..., 0], GOLDEN[f"cnn/zennit/EpsilonPlus/target{TARGET}"], 1e-9)


def test_lrp_with_one_rule_equals_captum() -> None:
    """captum stabilises max-pooling and Flatten as well, by 1e-9: seen where a value is a hundredth."""
    method = ox.LRP({"Affine": EpsilonRule(1e-9)})
    e = ox.explain(cnn(), GOLDEN["cnn/in/x"], method, target=TARGET)
    close(e.values[..., 0], GOLDEN[f"cnn/captum/LRP_default/target{TARGET}"], 1e-7)
