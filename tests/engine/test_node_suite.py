"""Every node test of ONNX's own suite through `load` and `predict`, with the official tolerances, shapes and types."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, numpy_helper
from onnx.backend.test.runner import Runner

import onnxplain as ox

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # making them warns of the reference's own overflows
    from onnx.backend.test.loader import load_model_tests

    CASES = load_model_tests(kind="node")

#: name → why it is not passed
EXCEPT = {
    "test_bernoulli": "drawn by another generator, which ONNX leaves open; its reference evaluator fails them as well",
    "test_dft_inverse(_opset19)?$": "where the reference has 2e-7, the rounding of its own algorithm, ours is 0",
    "test_resize_downsample_scales_(linear|cubic)_align_corners": "the reference takes the length before it is rounded; onnxruntime is followed",
    "test_if_opt": "an optional value that is made in the graph, and is missing",
    "test_loop16_seq_none": "no runner's result has the type that the test wants",
}


def why_not(name: str) -> str:
    return next((why for pattern, why in EXCEPT.items() if re.match(pattern, name)), "")


def test_the_suite_is_all_there() -> None:
    assert len(CASES) > 1800 and sum(bool(why_not(c.name)) for c in CASES) == 12


def plain(x: Any) -> Any:
    return numpy_helper.to_array(x) if isinstance(x, TensorProto) else x


@pytest.mark.parametrize("case", [c for c in CASES if not why_not(c.name)], ids=lambda c: c.name[5:])
def test_a_node_test_is_passed(case: Any) -> None:
    model = ox.load(case.model, verify="never")
    for given, wanted in case.data_sets:
        feeds = dict(zip((i.name for i in case.model.graph.input), map(plain, given), strict=False))
        with np.errstate(all="ignore"):
            made = list(model.predict(feeds).values())
            Runner.assert_similar_outputs([plain(y) for y in wanted], made, case.rtol, case.atol, None)


@pytest.mark.parametrize("case", [c for c in CASES if why_not(c.name)], ids=lambda c: c.name[5:])
def test_what_is_left_out_still_fails(case: Any) -> None:
    """So that the table above and the documentation's stay true."""
    with pytest.raises((AssertionError, TypeError, ox.OnnxplainError)):
        test_a_node_test_is_passed(case)


