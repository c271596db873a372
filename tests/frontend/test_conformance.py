"""ONNX's own node tests of the operators below, all inputs computed or all but the first stored: values as it has them."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from onnx import ModelProto, numpy_helper

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # collecting them warns of the reference's own overflows
    from onnx.backend.test.loader import load_model_tests

    TESTS = load_model_tests(kind="node")

from onnxplain.frontend.build import build
from onnxplain.frontend.read import read
from onnxplain.graph.plan import Forward

OPERATORS = (
    "adagrad|adam|affine_grid|and\\d|arg(max|min)|attention|bitcast|bitshift|bitwise|blackmanwindow|castlike?_|causal_conv|"
    "ceil|center_crop|col2im|compress|deform_conv|depthtospace|det_|dft|equal|eyelike|flexattention|floor|gather|greater|"
    "gridsample|hammingwindow|hannwindow|hardmax|isinf|isnan|less|linear_attention|maxunpool|melweight|mod_|momentum|"
    "nesterov|nonmaxsuppression|nonzero|not_|onehot|or\\d|range|reversesequence|roialign|rotary|round|scatter|shape|sign_|size|"
    "spacetodepth|stft|swiglu|tensorscatter|tfidf|top_k|tri[lu]|unique|xor"
)
#: what is not computed as the standard has it, or not at all, and why
EXCEPT = {
    "bf16|bfloat16|BFLOAT16": "16-bit floats are computed in the model's own, finer type",
    "FLOAT8|FLOAT4|INT4|INT2|E8M0|e8m0": "types of 8 and fewer bits have their own tests",
    "string": "text has its own tests",
    "test_not_": "opset 1, older than what is read",
}
CASES = [t for t in TESTS if re.match(f"test_({OPERATORS})", t.name) and not any(re.search(e, t.name) for e in EXCEPT)]
#: a stored NaN is refused
NAN = "float_edge_cases"


def value(x: Any) -> np.ndarray:
    return numpy_helper.to_array(x) if hasattr(x, "dims") else np.asarray(x)


def tensor(array: np.ndarray) -> torch.Tensor:
    array = array.astype(np.int64) if array.dtype in (np.uint16, np.uint32, np.uint64) else array
    made = torch.from_numpy(np.array(array))
    return made.float() if made.is_floating_point() else made


def stored(model: ModelProto, feeds: dict[str, np.ndarray]) -> ModelProto:
    """All inputs but the first as weights of the file."""
    copy = ModelProto()
    copy.CopyFrom(model)
    first, *others = feeds
    copy.graph.initializer.extend(numpy_helper.from_array(feeds[n], n) for n in others)
    kept = [i for i in model.graph.input if i.name == first]
    del copy.graph.input[:]
    copy.graph.input.extend(kept)
    return copy


def storable(case: Any) -> bool:
    return len(case.model.graph.input) > 1 and NAN not in case.name


BOTH = [(case, False) for case in CASES] + [(case, True) for case in CASES if storable(case)]


@pytest.mark.parametrize(("case", "hold"), BOTH, ids=[f"{c.name[5:]}{' stored' * hold}" for c, hold in BOTH])
def test_a_node_computes_what_the_standard_says(case: Any, hold: bool) -> None:
    for given, wanted in case.data_sets:
        feeds = {i.name: value(x) for i, x in zip(case.model.graph.input, given, strict=True)}
        graph = build(read(stored(case.model, feeds) if hold else case.model)).graph
        with torch.inference_mode():
            made = Forward(graph, graph.inputs, graph.outputs, []).run({n: tensor(feeds[n]) for n in graph.inputs})
        for o, w in zip(case.model.graph.output, wanted, strict=True):
            y, w = made[o.name].numpy(), value(w)
            assert y.shape == w.shape and (y.dtype.kind == "f") == (w.dtype.kind == "f")
            np.testing.assert_allclose(y.astype(w.dtype), w, rtol=1e-3, atol=1e-6)
