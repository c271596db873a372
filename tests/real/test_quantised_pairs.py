"""Quantised models from the wild: they predict what onnxruntime predicts, and are explained as the models they come from."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.layers.quantised.rounded_norm import RoundedNorm

from ..engine.quantiser import rank_correlation
from ..promises import deep_lift_is_complete
from .models import ABSENT, FOLDER, Real

pytestmark = pytest.mark.real


@dataclass(frozen=True)
class Pair:
    """A quantised model, the model it was made from, and the output and unit that both are explained at."""

    few: Real
    whole: Real
    output: str
    target: Any


def real(name: str, folder: str) -> Real:
    return Real(name, FOLDER / "models" / folder / f"{name}.onnx", FOLDER / "samples" / f"{name}.npz")


NAMES = {
    "mobilenet_v1_025_qdq": ("mobilenet_v1_025_imagenet", "predictions", "predicted"),
    "ultraface_rfb320_qoperator": ("ultraface_rfb320", "scores", [2 * 4271 + 1]),  # the face that is found
    "fastestdet_fp16": ("fastestdet", "758", "predicted"),
}


def pair(name: str) -> Pair:
    whole, output, target = NAMES[name]
    return Pair(real(name, "quantized"), real(whole, "vision"), output, target)


PAIRS = pytest.mark.parametrize(
    "name", [pytest.param(n, id=n, marks=[] if (FOLDER / "manifest.json").is_file() else [ABSENT]) for n in NAMES]
)


@PAIRS
def test_a_quantised_model_loads_and_agrees_with_onnxruntime_on_made_up_data(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # "was not verified" is a warning
        assert ox.load(pair(name).few.path, verify="auto").inputs


@PAIRS
def test_predictions_equal_the_stored_ones(name: str) -> None:
    """Bit for bit where sums are of whole numbers. Where a float convolution is rounded, a last digit decides between two
    steps: onnxruntime's own levels of optimisation differ by 7 steps of 1/256 in 0.4 % of these probabilities."""
    p = pair(name).few
    predicted = p.model().predict(p.all_data())
    for output, y in p.outputs().items():
        ours = predicted[output]
        assert ours.dtype == y.dtype
        if name == "ultraface_rfb320_qoperator":
            np.testing.assert_array_equal(ours, y)
        elif name == "mobilenet_v1_025_qdq":
            off = np.abs(ours - y)
            assert off.max() <= 10 / 255 and (off > 1e-6).mean() <= 0.01
            assert (ours.argmax(1) == y.argmax(1)).all()
        else:
            assert np.abs(ours.astype(float) - y.astype(float)).max() <= 5e-3 * np.abs(y.astype(float)).max()


@PAIRS
def test_relevance_follows_the_model_that_was_quantised(name: str) -> None:
    for c in correlations(name, ox.LRP()):
        assert c >= 0.95


@pytest.mark.parametrize("method", [ox.Gradient(), ox.DeepLift(), ox.IntegratedGradients(n_steps=10)], ids=lambda m: m.name)
@pytest.mark.skipif(not (FOLDER / "manifest.json").is_file(), reason="the real models are not beside the checkout")
def test_every_method_follows_a_model_in_half_precision(method: Any) -> None:
    assert min(correlations("fastestdet_fp16", method)) >= 0.95


def correlations(name: str, method: Any) -> list[float]:
    """Rank correlation of the attributions of two samples, quantised and not."""
    p = pair(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # few points on a path
        both = [
            ox.explain(m.model(), m.data(2), method, target={p.output: p.target}) for m in (p.whole, p.few)
        ]
    a, b = (next(x.values for (_, output), x in e.attributions.items() if output == p.output) for e in both)
    return [rank_correlation(x, y) for x, y in zip(a, b, strict=True)]


@PAIRS
def test_deep_lift_is_complete_on_a_quantised_model(name: str) -> None:
    p = pair(name)
    model = p.few.model("float64")
    deep_lift_is_complete(model, p.few.data(1), 1e-6, units={p.output: p.target})
    deep_lift_is_complete(model, p.few.data(1), 1e-6, p.few.baseline(), units={p.output: p.target})


@PAIRS
def test_the_audit_says_what_rounding_did(name: str) -> None:
    p = pair(name)
    e = ox.explain(p.few.model(), p.few.data(1), ox.LRP(), target={p.output: p.target})
    rounded = [r for r in e.audit_rows if "rounding" in r]
    assert len(rounded) == {"mobilenet_v1_025_qdq": 35, "fastestdet_fp16": 0}.get(name, len(rounded))
    if name == "ultraface_rfb320_qoperator":
        assert len(rounded) > 40
    moved = max(abs(r["relevance_in"]) for r in e.audit_rows)
    assert all(abs(r["rounding"]) < moved for r in rounded)


def test_batch_normalisations_behind_rounded_convolutions_are_merged() -> None:
    if not (FOLDER / "manifest.json").is_file():
        pytest.skip("the real models are not beside the checkout")
    graph = pair("ultraface_rfb320_qoperator").few.model().graph
    norms = [n.layer for n in graph.nodes if n.op == "BatchNormalization"]
    assert len(norms) == 35 and all(isinstance(layer, RoundedNorm) for layer in norms)
