"""A file that is not a model, or is a damaged one, gives an error of ours that names it; never anything else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper, numpy_helper

import onnxplain as ox

from .build import Writer
from .models import CASES, attention, cnn, embedding, mlp, residual
from .variants import as_local_function, copied, weights_as_constant_nodes

ZOO: dict[str, Callable[[], ModelProto]] = {
    "mlp": mlp,
    "cnn": cnn,
    "embedding": embedding,
    "attention": attention,
    "function": lambda: as_local_function(residual()),
    "constants": lambda: weights_as_constant_nodes(residual()),
}


def tried(content: bytes, data: Any) -> str:
    """What came of loading and explaining damaged bytes: nothing but our own errors may be raised."""
    try:
        model = ox.load(content, verify="never")
        ox.explain(model, data, "gradient")
    except ox.OnnxplainError as error:
        assert len(str(error)) > 10
        return type(error).__name__
    return "fine"


@pytest.mark.parametrize("name", ZOO)
def test_a_model_truncated_anywhere_is_an_error_of_ours(name: str) -> None:
    content = ZOO[name]().SerializeToString()
    cuts = np.unique(np.linspace(0, len(content) - 1, 60).astype(int))
    seen = [tried(content[:k], np.zeros((2, 6))) for k in cuts]
    assert seen[0] == "ModelError" and seen.count("ModelError") > len(cuts) // 2


@pytest.mark.parametrize("name", ZOO)
def test_a_model_with_flipped_bytes_is_fine_or_an_error_of_ours(name: str) -> None:
    content = ZOO[name]().SerializeToString()
    random = np.random.default_rng(list(name.encode()))
    case = CASES.get(name) or CASES["residual"]
    data = case.data()
    seen = []
    for _ in range(80):
        damaged = bytearray(content)
        for at in random.integers(len(content), size=random.integers(1, 4)):
            damaged[at] = random.integers(256)
        seen.append(tried(bytes(damaged), data))
    assert len(seen) == 80 and "ModelError" in seen


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"no model", b"PK\x03\x04" + bytes(100), b"\x89PNG\r\n\x1a\n" + bytes(200), b"\x08\x08"]
)
def test_what_is_not_onnx_is_a_model_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "picture.onnx"
    path.write_bytes(content)
    for source in (content, path, io.BytesIO(content)):
        with pytest.raises(ox.ModelError, match="picture.onnx|these bytes|this file object|the model"):
            ox.load(source)


def test_a_missing_file_a_folder_and_an_impossible_path_are_model_errors(tmp_path: Path) -> None:
    for source in (tmp_path / "absent.onnx", tmp_path, "a\0b.onnx"):
        with pytest.raises(ox.ModelError):
            ox.load(source)


def test_a_text_file_object_is_a_model_error() -> None:
    with pytest.raises(ox.ModelError, match="binary"):
        ox.load(io.StringIO("model"))


@pytest.mark.parametrize("source", [None, 3, 1.5, [1], object(), np.zeros(3)], ids=lambda v: type(v).__name__)
def test_what_no_model_comes_from_is_refused_by_its_type(source: Any) -> None:
    with pytest.raises(ox.OnnxplainError, match=type(source).__name__):
        ox.load(source)


def changed(change: Callable[[ModelProto], Any], proto: ModelProto | None = None) -> ModelProto:
    out = copied(proto or mlp())
    change(out)
    return out


def first_weight(proto: ModelProto, array: np.ndarray) -> None:
    proto.graph.initializer[0].CopyFrom(numpy_helper.from_array(array, "c0"))


BROKEN: dict[str, tuple[Callable[[ModelProto], Any], str]] = {
    "no graph": (lambda p: p.ClearField("graph"), "no graph"),
    "no outputs": (lambda p: p.graph.ClearField("output"), "no outputs"),
    "no opset": (lambda p: p.ClearField("opset_import"), "opset"),
    "a weight that is missing": (lambda p: p.graph.initializer.pop(0), "c0"),
    "an input that is missing": (lambda p: p.graph.input.pop(0), "'x'"),
    "a cycle": (lambda p: p.graph.node[0].input.__setitem__(0, "v3"), "cycle"),
    "a value made twice": (lambda p: p.graph.node.append(p.graph.node[0]), "v0.*second time"),
    "an output nobody makes": (lambda p: setattr(p.graph.output[0], "name", "z"), "z"),
    "a weight of the wrong shape": (lambda p: first_weight(p, np.ones((3, 5), np.float32)), "."),
    "a weight of no rank": (lambda p: first_weight(p, np.float32(1) * np.ones((), np.float32)), "."),
    "a weight of integers": (lambda p: first_weight(p, np.ones((7, 6), np.int64)), "."),
    "a weight of text": (
        lambda p: p.graph.initializer[0].CopyFrom(helper.make_tensor("c0", TensorProto.STRING, [1], ["a"])),
        "Gemm",
    ),
    "NaN in a weight": (lambda p: first_weight(p, np.full((7, 6), np.nan, np.float32)), "c0.*NaN"),
    "infinity in a weight": (lambda p: first_weight(p, np.full((7, 6), np.inf, np.float32)), "infinity"),
    "raw bytes too short": (lambda p: setattr(p.graph.initializer[0], "raw_data", b"abc"), "c0"),
    "an unknown element type": (lambda p: setattr(p.graph.initializer[0], "data_type", 77), "c0"),
    "a negative size": (lambda p: p.graph.initializer[0].dims.__setitem__(0, -7), "c0"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_model_is_an_error_that_names_what_is_wrong(what: str) -> None:
    change, pattern = BROKEN[what]
    with pytest.raises(ox.OnnxplainError, match=pattern):
        model = ox.load(changed(change), verify="never")
        model.predict(np.zeros((2, 6)))


def test_nonsense_in_attributes_is_a_model_error_that_names_the_node() -> None:
    w = Writer(51)
    w.node("Conv", "x", w.weight(4, 2, 3, 3), to="y", pads=[1, 1], name="crooked")
    proto = w.model({"x": ("N", 2, 6, 6)}, {"y": ("N", 4, None, None)})
    with pytest.raises(ox.OnnxplainError, match="crooked"):
        ox.load(proto, verify="never").predict(np.zeros((1, 2, 6, 6)))


def test_an_infinite_mask_is_no_weight_and_is_allowed() -> None:
    w = Writer(52)
    mask = w.constant(np.array([0, 0, -np.inf, 0], np.float32))
    w.node("Softmax", w.node("Add", w.dense("x", 4, 4), mask), to="p", axis=-1)
    w.dense("p", 4, 3, to="y")
    model = ox.load(w.model({"x": ("N", 4)}, {"y": ("N", 3)}), dtype="float64")
    e = ox.explain(model, CASES["linear"].data()["x"], "gradient", target="all")
    assert np.isfinite(e.values).all() and np.abs(e.values).max() > 0


def test_a_verification_error_names_output_and_the_first_value_that_differs() -> None:
    model = ox.load(mlp(), verify="always")
    broken = next(n for n in model.raw.nodes if n.op == "MatMul")
    for weight in broken.layer.buffers():
        weight.add_(1.0)  # stands for a layer that computes something else
    with pytest.raises(ox.VerificationError, match=r"output 'y'.*first value that differs is 'v2'.*MatMul"):
        model.check()


def test_a_rewriting_that_changes_the_numbers_is_a_verification_error() -> None:
    model = ox.load(mlp(), verify="always")
    fused = next(n for n in model.graph.nodes if n.op == "MatMul")
    assert fused not in model.raw.nodes
    list(fused.layer.buffers())[-1].add_(0.5)  # the bias, which only the rewritten graph has
    with pytest.raises(ox.VerificationError, match="output 'y'"):
        model.check()


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"dtype": "float16"}, "float16.*float32"),
        ({"dtype": None}, "None"),
        ({"dtype": "text"}, "text"),
        ({"device": "nowhere"}, "nowhere"),
        ({"device": None}, "None"),
        ({"device": ["cpu"]}, "cpu"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"verify": "maybe"}, "maybe"),
        ({"verify": None}, "None"),
        ({"batch_axis": 5}, "5.*2 axes"),
        ({"batch_axis": "first"}, "first"),
        ({"batch_axis": {"z": 0}}, "z"),
        ({"batch_axis": {"x": "first"}}, "first"),
        ({"batch_axis": 0.5}, "0.5"),
        ({"inputs": 3}, "3"),
        ({"outputs": [4]}, "4"),
        ({"input_labels": ["a"]}, "1 labels"),
        ({"input_labels": 3}, "3"),
        ({"input_labels": {"z": ["a"]}}, "z"),
        ({"input_labels": {"x": {"side": ["a"]}}}, "side"),
        ({"output_labels": ["a", "b"]}, "2 labels.*3 units"),
        ({"output_labels": 3}, "3"),
        ({"output_labels": {"z": ["a"]}}, "z"),
        ({"example": np.zeros((2, 5))}, "x.*wants size 6"),
        ({"example": "text"}, "x"),
    ],
    ids=str,
)
def test_a_wrong_argument_of_load_is_an_error_that_repeats_it(options: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ox.OnnxplainError, match=pattern):
        ox.load(mlp(), **options)


@pytest.mark.parametrize("dtype", ["float64", "double", np.float64, np.dtype("float64"), "torch.float64"], ids=repr)
def test_a_dtype_may_be_written_in_every_usual_way(dtype: Any) -> None:
    assert ox.load(mlp(), dtype=dtype).predict(np.zeros((1, 6)))["y"].dtype == np.float64
