"""A voice detector that carries its state from call to call, on axis 1, through an LSTM behind branches."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

import onnxplain as ox
from onnxplain.graph.control import Scan

from ..promises import audit_accounts
from .models import ABSENT, FOLDER

pytestmark = [pytest.mark.real, *([] if (FOLDER / "manifest.json").is_file() else [ABSENT])]
NAME = "silero_vad_16k_op15"


@cache
def model(dtype: str) -> ox.Model:
    return ox.load(FOLDER / "models" / "audio" / f"{NAME}.onnx", dtype=dtype, verify="never")


def stored() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """(inputs, what onnxruntime made of them), four calls side by side."""
    with np.load(FOLDER / "samples" / f"{NAME}.npz") as z:
        inputs = {"input": z["in__input"][:, 0], "state": np.concatenate(list(z["in__state"]), 1), "sr": z["in__sr"][0]}
        return inputs, {"output": z["out__output"][:, 0], "stateN": np.concatenate(list(z["out__stateN"]), 1)}


def test_predictions_equal_the_stored_ones_of_onnxruntime() -> None:
    inputs, outputs = stored()
    assert any(isinstance(n.layer, Scan) for n in model("float32").graph.every_node())
    for name, y in model("float32").predict(inputs).items():
        np.testing.assert_allclose(y, outputs[name], rtol=1e-4, atol=1e-4 * np.abs(outputs[name]).max())


@pytest.mark.parametrize("output", ["output", "stateN"])
def test_deep_lift_is_complete(output: str) -> None:
    inputs, _ = stored()
    units = {"output": "predicted", "stateN": [(0, 3), (1, 100)]}[output]
    e = ox.explain(model("float64"), inputs, ox.DeepLift(), target={output: units})
    np.testing.assert_allclose(e.sums[output], e.goals[output], rtol=1e-10)


def test_lrp_says_where_relevance_was_lost_and_reaches_sound_and_state() -> None:
    inputs, _ = stored()
    e = ox.explain(model("float64"), inputs, ox.LRP(), target={"output": 0})
    audit_accounts(e)
    assert all(np.abs(e[name].values).max() > 1e-6 for name in ("input", "state"))
