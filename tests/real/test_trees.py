"""Real trees: predicted as onnxruntime predicted them, and explained exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest

import onnxplain as ox

from .models import ABSENT, FOLDER, Real

pytestmark = pytest.mark.real
MANIFEST = FOLDER / "manifest.json"
NAMES = ("dianna_coffee_trees", "tract_xgboost_regressor_tree")


def real(name: str) -> Real:
    (r,) = [r for r in json.loads(MANIFEST.read_text()) if r["name"] == name]
    return Real(name, FOLDER / r["path"], FOLDER / r["sample"])


@pytest.mark.parametrize("name", NAMES if MANIFEST.is_file() else [pytest.param("", marks=ABSENT, id="absent")])
def test_real_trees_are_predicted_and_their_values_add_up(name: str) -> None:
    r = real(name)
    m, data = r.model("float64"), r.all_data()
    predicted = m.predict(data)
    for output, expected in r.outputs().items():
        np.testing.assert_allclose(predicted[output].reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
    first = {n: x[:3] for n, x in data.items()}
    e = ox.explain(m, data, ox.DeepShap(data_ref={n: x + 0.1 for n, x in first.items()}), target="all")
    for output, goal in e.goals.items():
        np.testing.assert_allclose(e.sums[output], goal, atol=1e-12)
        assert goal.any()
