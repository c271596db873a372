"""Large weights are read beside their file: the same numbers, once, in a form that onnxruntime looks at, too."""

from __future__ import annotations

import gc
import io
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import ModelProto, TensorProto, external_data_helper, helper, numpy_helper

import onnxplain as ox
from onnxplain.frontend import stored
from onnxplain.frontend.read import read, read_file
from onnxplain.frontend.runtime import session
from onnxplain.frontend.stored import LARGE, Stored, split

from ..engine.models import CASES

TYPES = (np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8, np.bool_, np.uint16)


def _initializers(*arrays: np.ndarray) -> ModelProto:
    """A model that holds these beside a small net."""
    proto = ModelProto()
    proto.CopyFrom(CASES["mlp"].proto())
    for k, a in enumerate(arrays):
        proto.graph.initializer.append(numpy_helper.from_array(a, f"large {k}"))
    return proto


def _random(dtype: type, *shape: int) -> np.ndarray:
    return (np.random.default_rng(0).standard_normal(shape) * 50).astype(dtype)


def _two_dense(width: int = 96) -> ModelProto:
    make, w = helper.make_node, _random(np.float32, width, width) / 500
    nodes = [make("MatMul", ["x", "w"], ["h"]), make("Relu", ["h"], ["a"]), make("Gemm", ["a", "v"], ["y"], transB=1)]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", width]) for n in "xy"]
    weights = [numpy_helper.from_array(a, n) for n, a in (("w", w), ("v", w[::-1].copy()))]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("dtype", TYPES, ids=lambda t: t.__name__)
def test_a_large_weight_is_beside_the_file_with_its_numbers(dtype: type) -> None:
    a = _random(dtype, 7, LARGE // 4)
    proto = _initializers(a, _random(np.float32, 3))
    data = proto.SerializeToString()
    found = split(io.BytesIO(data))
    taken = dtype not in (np.bool_, np.uint16)  # have another form in torch
    assert list(found.weights) == ["large 0"] * taken
    assert all(np.array_equal(w.numpy(), a) and w.numpy().dtype == a.dtype for w in found.weights.values())
    assert len(found.rest) < LARGE or not taken
    assert ModelProto.FromString(found.whole()) == proto
    assert read(data) == proto


def test_weights_of_any_size_between_others_are_found() -> None:
    sizes = [1, LARGE // 4 - 1, LARGE // 4, LARGE // 4 + 1, 5, 40_000, 3_000_000, 2]
    arrays = [_random(np.float32, n) for n in sizes]
    proto = _initializers(*arrays)
    file = read_file(proto.SerializeToString())
    assert [n for n, _ in file.weights.items()] == [f"large {k}" for k, n in enumerate(sizes) if 4 * n >= LARGE]
    for k, a in enumerate(arrays):
        w = file.weights.get(f"large {k}")
        np.testing.assert_array_equal(a if w is None else w.numpy(), a)
    assert file.stored is not None and ModelProto.FromString(file.stored.whole()) == proto


def test_fields_may_stand_in_any_order_and_be_unknown() -> None:
    a = _random(np.float32, 5000)
    t = numpy_helper.from_array(a, "large 0")
    raw, rest = TensorProto(raw_data=t.raw_data).SerializeToString(), numpy_helper.from_array(a, "large 0")
    rest.ClearField("raw_data")
    unknown = bytes([15 << 3 | 5, 1, 2, 3, 4, 1 << 7 & 127 | 0b1111000 | 1]) + bytes(8)  # fields 15 of four and of eight bytes
    body = raw + unknown + rest.SerializeToString()
    plain = CASES["mlp"].proto().graph.SerializeToString()
    graph = plain + stored._field(stored.INITIALIZER, body)
    head = ModelProto()
    head.CopyFrom(CASES["mlp"].proto())
    head.ClearField("graph")
    data = stored._field(stored.GRAPH, graph) + head.SerializeToString()  # the graph first
    found = split(io.BytesIO(data))
    np.testing.assert_array_equal(found.weights["large 0"].numpy(), a)
    whole = ModelProto.FromString(data)
    assert {t.name for t in ModelProto.FromString(found.rest).graph.initializer} == {t.name for t in whole.graph.initializer}
    np.testing.assert_array_equal(numpy_helper.to_array(ModelProto.FromString(found.whole()).graph.initializer[-1]), a)


def _changed(t: TensorProto, how: str) -> None:
    if how == "too few bytes":
        t.raw_data = t.raw_data[:-4]
    elif how == "no name":
        t.name = ""
    elif how == "another type":
        t.data_type = TensorProto.DOUBLE
    elif how == "a negative size":
        t.dims[0] = -5000
    elif how == "a segment":
        t.segment.begin = 1


@pytest.mark.parametrize("how", ["too few bytes", "no name", "another type", "a negative size", "a segment"])
def test_a_weight_whose_bytes_are_not_its_numbers_stays_in_the_file(how: str) -> None:
    proto = _initializers(_random(np.float32, 5000))
    _changed(proto.graph.initializer[-1], how)
    data = proto.SerializeToString()
    assert split(io.BytesIO(data)).rest == data


def test_two_weights_of_one_name_are_left_to_the_parser_or_refused() -> None:
    a = numpy_helper.from_array(_random(np.float32, 5000), "twice")
    both, small = _initializers(), _initializers()
    both.graph.initializer.extend([a, a])
    small.graph.initializer.extend([a, numpy_helper.from_array(np.ones(2, np.float32), "twice")])
    assert not split(io.BytesIO(both.SerializeToString())).weights
    with pytest.raises(ox.ModelError, match="two weights of one name"):
        ox.load(small.SerializeToString())


def test_no_file_that_is_cut_short_or_damaged_is_read_as_another() -> None:
    data = _initializers(_random(np.float32, 5000)).SerializeToString()
    rng = np.random.default_rng(0)
    for _ in range(300):
        broken = bytearray(data[: rng.integers(len(data))] if rng.random() < 0.5 else data)
        if broken:
            broken[rng.integers(min(200, len(broken)))] ^= 1 << int(rng.integers(8))
        found = split(io.BytesIO(bytes(broken)))
        try:
            expected: ModelProto | None = ModelProto.FromString(bytes(broken))
        except Exception:  # noqa: BLE001 — protobuf's own
            expected = None
        if found.weights:  # then what protobuf makes of all of it, if anything
            got = ModelProto.FromString(found.whole()) if expected is not None else None
            assert got == expected
        else:
            assert found.rest == bytes(broken)


@pytest.mark.parametrize("form", ["path", "bytes", "file", "bytearray", "proto", "external"])
def test_models_with_large_weights_load_from_every_form(tmp_path: Path, form: str) -> None:
    proto, x = _two_dense(), _random(np.float32, 3, 96) / 50
    data, path = proto.SerializeToString(), tmp_path / "m.onnx"
    if form == "external":
        external_data_helper.convert_model_to_external_data(proto, location="w.bin", size_threshold=0)
        onnx.save_model(proto, path)
    else:
        path.write_bytes(data)
    forms = {"bytes": data, "file": io.BytesIO(data), "bytearray": bytearray(data), "proto": proto}
    model = ox.load(forms.get(form, path), verify="always")
    w, v = (numpy_helper.to_array(t) for t in ModelProto.FromString(data).graph.initializer)
    np.testing.assert_allclose(model.predict(x)["y"], np.maximum(x @ w, 0) @ v.T, rtol=1e-4, atol=1e-4)
    assert model.source is not None and set(model.source.weights) == ({"w", "v"} if form != "proto" else set())
    model.check()
    again = ox.load(model.source.whole(), dtype="float64", verify="always")
    np.testing.assert_allclose(again.predict(x)["y"], np.maximum(x @ w.astype(float), 0) @ v.T.astype(float), rtol=1e-9)


def test_weights_are_in_memory_once_and_nothing_writes_on_them() -> None:
    model = ox.load(_two_dense().SerializeToString())
    assert model.source is not None
    before = {n: w.clone() for n, w in model.source.weights.items()}
    at = {w.untyped_storage().data_ptr() for w in model.source.weights.values()}
    assert at <= {b.untyped_storage().data_ptr() for n in model.graph.nodes for b in n.layer.buffers()}
    x = _random(np.float32, 3, 96)
    for method in ("gradient", "lrp", "deeplift", ox.KernelShap(data_ref=0.0)):
        ox.explain(model, x, method, target=0, seed=0)
    assert all(torch.equal(w, before[n]) for n, w in model.source.weights.items())


def test_a_session_keeps_the_weights_that_it_looks_at() -> None:
    source = split(io.BytesIO(_two_dense().SerializeToString()))
    x = _random(np.float32, 3, 96)
    expected = session(Stored(source.whole())).run(None, {"x": x})[0]
    runtime = session(source)
    del source
    gc.collect()
    held = [torch.full((96, 96), torch.nan) for _ in range(64)]  # over anything that was freed
    np.testing.assert_array_equal(runtime.run(None, {"x": x})[0], expected)
    assert len(held) == 64


def test_a_session_that_is_run_once_asks_for_the_weights() -> None:
    source, x = split(io.BytesIO(_two_dense().SerializeToString())), _random(np.float32, 3, 96)
    runtime = session(source, once=True)
    weights = {n: w.numpy() for n, w in source.weights.items()}
    assert weights and {i.name for i in runtime.get_inputs()} == {"x", *weights}
    expected = session(Stored(source.whole())).run(None, {"x": x})[0]
    np.testing.assert_array_equal(runtime.run(None, {"x": x, **weights})[0], expected)


def test_a_wrong_weight_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """What onnxruntime looks at is what was read, before this library makes layers of it."""
    from onnxplain.layers.affine.linear import Linear

    forward = Linear.forward
    monkeypatch.setattr(Linear, "forward", lambda self, x: forward(self, x) * 1.001)
    with pytest.raises(ox.VerificationError, match="made by node"):
        ox.load(_two_dense().SerializeToString())


def test_a_transposed_constant_looks_at_the_weight_and_a_piece_of_one_does_not() -> None:
    make, w = helper.make_node, _random(np.float32, 96, 96)
    one = numpy_helper.from_array(np.array([1], np.int64), "one")
    two = numpy_helper.from_array(np.array([2], np.int64), "two")
    zero = numpy_helper.from_array(np.array([0], np.int64), "zero")
    nodes = [
        make("Transpose", ["w"], ["t"], perm=[1, 0]),
        make("MatMul", ["x", "t"], ["h"]),
        make("Slice", ["w", "one", "two", "zero"], ["row"]),
        make("Add", ["h", "row"], ["y"]),
    ]
    ends = [helper.make_tensor_value_info(n, TensorProto.FLOAT, ["N", 96]) for n in "xy"]
    graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], [numpy_helper.from_array(w, "w"), zero, one, two])
    data = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8).SerializeToString()
    model = ox.load(data, verify="always")
    x = _random(np.float32, 2, 96)
    np.testing.assert_allclose(model.predict(x)["y"], x @ w.T + w[1:2], rtol=1e-4, atol=0.1)
    assert model.source is not None
    at = model.source.weights["w"].untyped_storage().data_ptr()
    buffers = [b for n in model.raw.nodes for b in n.layer.buffers()]
    assert any(b.untyped_storage().data_ptr() == at for b in buffers)
    assert all(b.untyped_storage().data_ptr() != at or b.numel() == w.size for b in buffers)
