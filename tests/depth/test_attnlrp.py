"""AttnLRP and CP-LRP on a whole decoder are gradient × input of the same decoder with LXT's edits to its gradient."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
import onnx
import pytest
import torch

import onnxplain as ox
from onnxplain.rules import Constant, FrozenStatistics, Half, Signal, Zero

from .llama import Decoder

#: every ε at 0, as in LXT's "efficient" engine
EXACT = {"Affine": Zero(), "Additive": Zero(), "Normalization": FrozenStatistics(0.0)}
COMPOSITES = {
    "attnlrp": {**EXACT, "Product": Half(0.0)},
    "cplrp": {**EXACT, "Product": Signal(epsilon=0.0), "Softmax": Constant()},
}
X = torch.from_numpy(np.random.default_rng(3).standard_normal((2, 6, 16)))


@cache
def decoder(classic: bool, dynamo: bool) -> tuple[Decoder, onnx.ModelProto]:
    torch.manual_seed(0)
    model = Decoder(classic).double().eval()
    file = io.BytesIO()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            if dynamo:
                shapes = ({0: torch.export.Dim("n", min=1, max=64)},)
                return model, torch.onnx.export(model, (X,), dynamo=True, verbose=False, dynamic_shapes=shapes).model_proto
            torch.onnx.export(model, (X,), file, dynamo=False, opset_version=14, input_names=["x"], dynamic_axes={"x": {0: "n"}})
    finally:
        logging.disable(logging.NOTSET)
    return model, onnx.load_model_from_string(file.getvalue())


@pytest.mark.parametrize("dynamo", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["script", "dynamo"])
@pytest.mark.parametrize("classic", [True, False], ids=["layer_norm_gelu", "rms_norm_gated"])
@pytest.mark.parametrize("rule", COMPOSITES)
def test_a_decoder_is_explained_as_lxt_would(rule: str, classic: bool, dynamo: bool) -> None:
    source, proto = decoder(classic, dynamo)
    model = ox.load(proto, dtype="float64", verify="never")
    for unit in (0, 3):
        ours = ox.explain(model, X.numpy(), ox.LRP(COMPOSITES[rule]), target=unit).values[..., 0]
        theirs = source.gradient_times_input(X, unit, rule).numpy()
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-8 * np.abs(theirs).max())


@pytest.mark.parametrize("make", [ox.AttnLRP, ox.CPLRP], ids=["attnlrp", "cplrp"])
@pytest.mark.parametrize("classic", [True, False], ids=["layer_norm_gelu", "rms_norm_gated"])
def test_the_named_composites_are_these_to_the_size_of_epsilon(classic: bool, make: Callable[[], ox.Composite]) -> None:
    source, proto = decoder(classic, dynamo=False)
    e = ox.explain(ox.load(proto, dtype="float64", verify="never"), X.numpy(), ox.LRP(make()), target=0)
    theirs = source.gradient_times_input(X, 0, make.__name__.lower()).numpy()
    np.testing.assert_allclose(e.values[..., 0], theirs, rtol=0, atol=1e-2 * np.abs(theirs).max())


@pytest.mark.parametrize("classic", [True, False], ids=["layer_norm_gelu", "rms_norm_gated"])
def test_only_softmax_and_biases_lose_relevance_by_design(classic: bool) -> None:
    _, proto = decoder(classic, dynamo=False)
    model = ox.load(proto, dtype="float64", verify="never")
    e = ox.explain(model, X.numpy(), ox.LRP(COMPOSITES["attnlrp"]), target=0)
    moved = max(abs(r["relevance_in"]) for r in e.audit_rows)
    losing = {r["operator"] for r in e.audit_rows if abs(r["lost"]) > 1e-9 * moved}
    biased = {"Softmax", "MatMul", "Gemm", "Add"} | ({"LayerNormalization"} if classic else set())
    assert "Softmax" in losing and losing <= biased


@pytest.mark.parametrize("classic", [True, False], ids=["layer_norm_gelu", "rms_norm_gated"])
def test_the_parts_are_recognised(classic: bool) -> None:
    _, proto = decoder(classic, dynamo=False)
    kinds = [n.op for n in ox.load(proto, verify="never").graph.nodes]
    norm, gate = ("LayerNormalization", "Gelu") if classic else ("RMSNormalization", "Swish")
    assert kinds.count(norm) == 7 and kinds.count(gate) == 3 and kinds.count("Softmax") == 3
    assert not {"Erf", "Sqrt", "Pow", "ReduceMean", "Sigmoid"} & set(kinds)
