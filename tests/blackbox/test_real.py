"""Real models that hold no layer of ours, or that hold everything: all are called, and the sums hold."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import onnxplain as ox

from ..real.models import ABSENT, FOLDER

pytestmark = pytest.mark.real

#: trees, int8 in both forms, LSTMs, an If, byte and token inputs, several inputs and outputs, a fixed batch, half precision
NAMES = (
    "dianna_coffee_trees", "tract_xgboost_regressor_tree", "tract_lgbm_classifier_tensor", "mobilenet_v1_025_qdq",
    "ultraface_rfb320_qoperator", "cmapss_rul_lstm", "dtln_1_spectral", "silero_vad_16k_op15", "nnsplit_byte_bilstm",
    "tribuo_tinybert", "godot_car_parking", "mnist_8_cntk", "dianna_season", "fastestdet_fp16",
)  # fmt: skip
MANIFEST = FOLDER / "manifest.json"


def record(name: str) -> dict[str, Any]:
    (found,) = [r for r in json.loads(MANIFEST.read_text()) if r["name"] == name]
    return found


def sample(r: dict[str, Any]) -> dict[str, np.ndarray]:
    """The first stored feed."""
    with np.load(FOLDER / r["sample"]) as z:
        return {
            i["name"]: v[0] if len(i["shape"]) == 0 or v.ndim == len(i["shape"]) + 1 else v[:1]
            for i in r["inputs"]
            for v in [z["in__" + i["name"]]]
        }


@pytest.mark.parametrize("name", NAMES if MANIFEST.is_file() else [pytest.param("", marks=ABSENT, id="absent")])
@pytest.mark.filterwarnings("ignore:the model was not verified")
def test_a_real_model_is_called_and_sums_hold(name: str) -> None:
    r = record(name)
    data = sample(r)
    e = ox.explain(FOLDER / r["path"], data, ox.PermutationShap(data_ref=0, n_permutations=2, segments=3), seed=0)
    for output, goal in e.goals.items():
        np.testing.assert_allclose(e.sums[output], goal, atol=1e-9 * max(1.0, np.abs(e.predictions[output]).max()))
    assert any((a.values != 0).any() for a in e.attributions.values())
    largest = max(i.size for i in data.values())
    windows = {i: tuple(-(-s // 3) for s in x.shape[1:]) for i, x in data.items()} if largest > 1000 else None
    occluded = ox.explain(FOLDER / r["path"], data, ox.Occlusion(window=windows), seed=0)
    assert all(np.isfinite(a.values).all() for a in occluded.attributions.values())


@pytest.mark.skipif(not MANIFEST.is_file(), reason="the real models are not beside the checkout")
def test_what_is_called_equals_what_onnxruntime_gave() -> None:
    for name in ("dianna_coffee_trees", "tract_xgboost_regressor_tree", "dtln_1_spectral"):
        r = record(name)
        got = ox.BlackBox(FOLDER / r["path"]).predict(sample(r))
        with np.load(FOLDER / r["sample"], allow_pickle=False) as z:
            for o, y in got.items():
                key = f"out__{o}"
                if key in z.files and z[key].dtype.kind == "f":
                    np.testing.assert_allclose(y.ravel(), z[key][0].ravel(), rtol=1e-5, atol=1e-6)
