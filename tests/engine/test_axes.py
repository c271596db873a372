"""A file may say in its metadata what the axes of a sample are called."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import onnx
import pytest

import onnxplain as ox
from onnxplain.errors import ModelError

TEXT = '<ir_version: 8, opset_import: ["" : 17]> g (float[N,4,6] x) => (float[N,4] y) { y = ReduceMean<axes = [2], keepdims = 0>(x) }'
X = np.arange(48.0).reshape(2, 4, 6)


def proto(**axes: Any) -> onnx.ModelProto:
    made = onnx.parser.parse_model(TEXT)
    made.metadata_props.add(key="onnxplain.axes", value=json.dumps(axes))
    return made


def test_axes_have_the_names_of_the_files_metadata() -> None:
    model = ox.load(proto(x=["time", "sensor"], unknown=["a"]), input_labels={"x": {"sensor": list("abcdef")}})
    a = ox.explain(model, X, "gradient", target=0)["x"]
    assert model.inputs["x"].axes == ("time", "sensor") and model.outputs["y"].axes == ()
    assert a.dims == ("sample", "time", "sensor", "target") and a.labels["sensor"] == tuple("abcdef")


def test_a_black_box_of_the_file_has_the_same_names() -> None:
    source = proto(x=["length", "channel"])
    for model in (ox.BlackBox(source), ox.load(source)):
        a = ox.explain(model, X, ox.Occlusion(window=1, stride=1), target=0)["x"]
        assert a.dims == ("sample", "length", "channel", "target")
        np.testing.assert_array_equal(a.values, np.broadcast_to(a.values[:, :, :1], a.shape))  # 4 windows, over all channels


@pytest.mark.parametrize("wrong", [["time"], ["a", "b", "c"], ["time", "time"], ["sample", "time"], "time", [1, 2], []])
def test_names_that_do_not_fit_are_refused(wrong: Any) -> None:
    with pytest.raises(ModelError, match=r"onnxplain\.axes .* for 'x'.*2 different names"):
        ox.load(proto(x=wrong))


def test_names_do_not_bind_who_chooses_another_axis_for_the_samples() -> None:
    model = ox.load(proto(x=["time", "sensor"]), batch_axis={"x": None, "y": None}, verify="never")
    assert model.inputs["x"].axes == ()
