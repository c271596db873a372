"""Products read all digits of their factors, whatever the process is set to, unless a precision is asked for."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox
from onnxplain import precision as precisions
from onnxplain.precision import products, reads_bfloat16

NAMES_PRECISION = hasattr(torch.backends.mkldnn, "conv")
needs_bf16 = pytest.mark.skipif(not reads_bfloat16(), reason="this processor or torch has no bfloat16 products of float32 numbers")


def wide(n: int = 256) -> bytes:
    """y = x W: a product large enough that torch gives it to the library that knows other precisions."""
    w = np.random.default_rng(0).normal(size=(n, n)).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "wide",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", n])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", n])],
        [numpy_helper.from_array(w, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()


def data(n: int = 256) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(64, n)).astype(np.float32)


def error(model: ox.Model) -> float:
    """Of the gradient, whose numbers are the weights, and of the predictions."""
    exact = ox.load(wide(), dtype="float64").predict(data())["y"]
    return float(np.abs(model.predict(data())["y"] - exact).max() / np.abs(exact).max())


@pytest.fixture
def process_that_saves_digits() -> Iterator[None]:
    with products("bfloat16", torch.device("cpu")):
        yield


@needs_bf16
def test_all_digits_are_read_whatever_the_process_is_set_to(process_that_saves_digits: None) -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    assert error(ox.load(wide())) < 1e-6
    lrp = ox.explain(ox.load(wide()), data(), "lrp", target=[3])
    exact = ox.explain(ox.load(wide(), dtype="float64"), data(), "lrp", target=[3])
    np.testing.assert_allclose(lrp.values, exact.values, rtol=1e-4, atol=1e-4)
    assert torch.backends.mkldnn.matmul.fp32_precision == before == "bf16"


def test_a_cpu_that_reads_all_digits_anyway_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise AssertionError(args)

    monkeypatch.setattr(torch._C, "_set_fp32_precision_setter", fail, raising=False)
    with products("float32", torch.device("cpu")):
        pass


@needs_bf16
def test_bfloat16_products_read_eight_bits_and_leave_no_trace() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    model = ox.load(wide(), precision="bfloat16", verify="always")  # which is done with all digits
    assert 1e-5 < error(model) < 1e-2
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_a_processor_without_such_products_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precisions, "reads_bfloat16", lambda: False)
    with pytest.raises(ox.InputError, match="does not exist on this device|no such products"):
        ox.load(wide(), precision="bfloat16", verify="never")


def test_whether_it_has_them_is_seen_and_leaves_no_trace() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision if NAMES_PRECISION else None
    x = torch.linspace(-1, 1, 256 * 256).view(256, 256)
    exact = x @ x
    with products("bfloat16", torch.device("cpu")):
        assert torch.equal(x @ x, exact) != reads_bfloat16.__wrapped__()
    assert (torch.backends.mkldnn.matmul.fp32_precision if NAMES_PRECISION else None) == before


@pytest.mark.skipif(not hasattr(torch.backends.mkldnn, "conv"), reason="torch names no precision per library")
@pytest.mark.parametrize(("precision", "said"), [("float32", "ieee"), ("tf32", "tf32")])
def test_a_gpu_reads_all_digits_unless_asked_otherwise(precision: str, said: str) -> None:
    before = torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision
    with products(precision, torch.device("cuda")):
        assert (torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision) == (said, said)
    assert (torch.backends.cuda.matmul.fp32_precision, torch.backends.cudnn.conv.fp32_precision) == before


def test_settings_are_put_back_after_an_error() -> None:
    def now() -> object:
        return torch.backends.mkldnn.matmul.fp32_precision if NAMES_PRECISION else None

    before = now()
    model = ox.load(wide())
    with pytest.raises(ox.InputError):
        ox.explain(model, data(255), "lrp")
    assert now() == before


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"precision": "half"}, "one of 'float32', 'tf32', 'bfloat16'"),
        ({"precision": "tf32"}, "does not exist on this device, cpu"),
        ({"precision": "bfloat16", "dtype": "float64"}, "float32 numbers"),
    ],
)
def test_a_precision_that_does_not_exist_is_an_error(options: dict[str, str], pattern: str) -> None:
    with pytest.raises(ox.InputError, match=pattern):
        ox.load(wide(), verify="never", **options)
