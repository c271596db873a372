"""A file that onnxruntime has optimised is explained as the one it was made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import ModelProto

import onnxplain as ox

from .blocks import HEADS, LENGTH, WIDTH, WORDS, bert, cnn, gpt2, llama

RANDOM = np.random.default_rng(7)
IDS, SEGMENTS = RANDOM.integers(0, WORDS, (2, LENGTH)), RANDOM.integers(0, 2, (2, LENGTH))
MASK = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 0, 0]])
TOKENS = {"ids": IDS, "mask": MASK, "segments": SEGMENTS}
VALUES = {"x": RANDOM.standard_normal((2, LENGTH, WIDTH)).astype(np.float32), "mask": MASK}

Models = tuple[Callable[[], ModelProto], dict[str, np.ndarray], set[str]]
#: what is built, its data, and operators that the optimiser must have made
EXTENDED: dict[str, Models] = {
    "BERT": (bert, TOKENS, {"FusedMatMul", "BiasGelu", "LayerNormalization", "FusedGemm"}),
    "BERT without embeddings": (
        lambda: bert(floats=True),
        VALUES,
        {"SkipLayerNormalization", "BiasGelu", "FusedMatMul"},
    ),
    "GPT-2": (gpt2, {"ids": IDS}, {"FastGelu", "SkipLayerNormalization", "LayerNormalization"}),
    "CNN": (cnn, {"x": RANDOM.standard_normal((2, 2, 6, 6)).astype(np.float32)}, {"FusedConv", "FusedGemm"}),
    "Llama": (
        lambda: llama(True),
        {"x": RANDOM.standard_normal((2, LENGTH, 24)).astype(np.float32)},
        {"GroupQueryAttention", "QuickGelu", "SkipSimplifiedLayerNormalization", "SimplifiedLayerNormalization"},
    ),
}
FUSED: dict[str, Models] = {
    "bert": (bert, TOKENS, {"Attention", "EmbedLayerNormalization", "SkipLayerNormalization", "BiasGelu"}),
    "gpt2": (gpt2, {"ids": IDS}, {"SkipLayerNormalization", "FastGelu"}),
}
METHODS = {
    "gradient": lambda data: ox.Gradient(times_input=True),
    "lrp": lambda data: ox.LRP(),
    "deep_lift": lambda data: ox.DeepLift(
        baseline={n: v if n == "mask" else np.full_like(v, 0) for n, v in data.items()}
    ),
}


def alike(before: ModelProto, after: ModelProto, data: dict[str, np.ndarray], rtol: float = 1e-5) -> None:
    """The same attributions of every input but the mask, which is a condition inside the operators."""
    models = [ox.load(m, dtype="float64", verify="never") for m in (before, after)]
    for method in METHODS.values():
        a, b = (ox.explain(m, data, method(data), target="all") for m in models)
        for n in set(data) - {"mask"}:
            assert a[n].values.any()
            np.testing.assert_allclose(
                b[n].values, a[n].values, rtol=0, atol=rtol * np.abs(a[n].values).max(), err_msg=n
            )


@pytest.mark.parametrize("name", EXTENDED)
def test_extended_optimisation_changes_no_attribution(name: str, tmp_path: Path) -> None:
    build, data, made = EXTENDED[name]
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimised.onnx")
    options.log_severity_level = 4
    before = build()
    ort.InferenceSession(before.SerializeToString(), options, providers=["CPUExecutionProvider"])
    after = onnx.load(tmp_path / "optimised.onnx")
    assert made <= {n.op_type for n in after.graph.node}
    alike(before, after, data)


@pytest.mark.parametrize("name", FUSED)
def test_fusing_a_transformer_changes_no_attribution(name: str, tmp_path: Path) -> None:
    optimizer = pytest.importorskip("onnxruntime.transformers.optimizer")
    build, data, made = FUSED[name]
    before = build()
    onnx.save(before, tmp_path / "before.onnx")
    after = optimizer.optimize_model(
        str(tmp_path / "before.onnx"), name, num_heads=HEADS, hidden_size=WIDTH, opt_level=0
    ).model
    assert made <= {n.op_type for n in after.graph.node}
    alike(before, after, data)


def test_a_layer_of_onnxruntimes_operators_is_explained_as_the_same_one_of_onnxs() -> None:
    data = EXTENDED["Llama"][1]
    alike(llama(False), llama(True), data, rtol=1e-10)


def test_an_optimised_model_is_verified_against_onnxruntime() -> None:
    data = EXTENDED["Llama"][1]
    model = ox.load(llama(True), example=data, verify="always")
    assert {"products", "softmax", "heads"} <= {n.name.split("/")[-1] for n in model.graph.nodes}
