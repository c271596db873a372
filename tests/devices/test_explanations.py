"""Whole explanations on another device equal those on the CPU; what comes back is numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import onnxplain as ox
from tests.engine.models import CASES

from .conftest import elsewhere

METHODS: dict[str, Any] = {
    "gradient": lambda refs: ox.Gradient(),
    "smoothgrad": lambda refs: ox.SmoothGrad(n_samples=3),
    "integrated gradients": lambda refs: ox.IntegratedGradients(n_steps=3),
    "expected gradients": lambda refs: ox.ExpectedGradients(data_ref=refs, n_samples=3),
    "DeepLIFT": lambda refs: ox.DeepLift(),
    "reveal-cancel": lambda refs: ox.DeepLift(rule="reveal_cancel"),
    "DeepSHAP": lambda refs: ox.DeepShap(data_ref=refs),
    "LRP": lambda refs: ox.LRP(),
    "αβ": lambda refs: ox.LRP("epsilon_alpha2_beta1"),
    "flat": lambda refs: ox.LRP("epsilon_plus_flat"),
    "connection weights": lambda refs: ox.ConnectionWeights(),
    "guided": lambda refs: ox.GuidedBackprop(),
}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:.*take more n_steps", "ignore:.*of the relevance reached the inputs")
def test_explanations_equal_those_on_the_cpu(name: str, method: str, device: torch.device) -> None:
    case = CASES[name]
    data, options = case.data(3), {"dtype": "float64", "verify": "never", **case.options}
    chosen = METHODS[method](case.data(2, seed=3))

    def explained(where: torch.device) -> ox.Explanation:
        model = ox.load(case.proto(), device=where, **options)
        return ox.explain(model, data, chosen, target="predicted", seed=0)

    try:
        expected = explained(torch.device("cpu"))
    except ox.RuleError as error:
        pytest.skip(f"the method has no rule for this model: {error}")
    with elsewhere(device):
        actual = explained(device)
    assert list(actual) == list(expected)
    for key in expected:
        values, wanted = actual[key].values, expected[key].values
        assert isinstance(values, np.ndarray)
        np.testing.assert_allclose(values, wanted, rtol=1e-10, atol=1e-10)
    for name_of in expected.predictions:
        np.testing.assert_allclose(actual.predictions[name_of], expected.predictions[name_of], rtol=1e-10)


def test_predictions_and_audits_come_back_from_the_device(device: torch.device) -> None:
    case = CASES["cnn"]
    data = case.data(4)
    here = ox.load(case.proto(), dtype="float64")
    expected, audit = here.predict(data), ox.explain(here, data, "lrp").audit()
    with elsewhere(device):
        model = ox.load(case.proto(), dtype="float64", verify="always", device=device)
        e = ox.explain(model, data, "lrp")
        np.testing.assert_allclose(model.predict(data)["y"], expected["y"], rtol=1e-12)
        np.testing.assert_allclose(e.audit()["lost"], audit["lost"], rtol=1e-9, atol=1e-12)
