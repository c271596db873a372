"""Attributions add up at full depth, and what exporters write out is merged again."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

import onnxplain as ox

from ..promises import deep_lift_is_complete, gradient_equals_autograd, relevance_is_accounted_for
from .models import MODELS, exported

pytestmark = pytest.mark.slow
every = pytest.mark.parametrize("name", MODELS)


def baseline(name: str) -> np.ndarray:
    """Neither zero nor near the data: other numbers, other tokens."""
    x = MODELS[name].data(7).numpy()
    return x if MODELS[name].tokens else (0.5 * x + 0.2).astype(np.float32)


@every
def test_deep_lift_is_complete_in_double_precision(name: str) -> None:
    model = ox.load(exported(name), dtype="float64")
    deep_lift_is_complete(model, {"x": MODELS[name].data(1).numpy()}, 1e-6, baseline(name))


@every
def test_deep_lift_is_complete_in_single_precision(name: str) -> None:
    model = ox.load(exported(name))
    deep_lift_is_complete(model, {"x": MODELS[name].data(1).numpy()}, 1e-3, baseline(name))


@every
def test_what_exporters_write_out_is_merged(name: str) -> None:
    model = ox.load(exported(name), verify="always")
    found = Counter(n.op for n in model.graph.nodes)
    assert {op: found[op] for op, _ in MODELS[name].merged} == dict(MODELS[name].merged)


@every
def test_the_gradient_is_what_autograd_finds_in_the_parts(name: str) -> None:
    gradient_equals_autograd(ox.load(exported(name), dtype="float64"), {"x": MODELS[name].data(1).numpy()}, count=1)


@every
@pytest.mark.parametrize("composite", [None, ox.AttnLRP(), ox.CPLRP()], ids=["default", "attnlrp", "cplrp"])
def test_lrp_says_where_relevance_was_lost(name: str, composite: ox.Composite | None) -> None:
    model = ox.load(exported(name), dtype="float64")
    relevance_is_accounted_for(model, {"x": MODELS[name].data(1).numpy()}, ox.LRP(composite))
