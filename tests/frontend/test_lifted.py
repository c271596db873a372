"""Files older than opset 7."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxplain as ox

rng = np.random.default_rng(0)
X = rng.standard_normal((2, 3, 4)).astype(np.float32)
B = rng.standard_normal(3).astype(np.float32)
W = rng.standard_normal((4, 5)).astype(np.float32)
V = rng.standard_normal(5).astype(np.float32)
S, M = B, np.flip(B).copy()


def model(op: str, opset: int, constants: dict[str, np.ndarray], sizes: tuple[int, ...], **attributes: Any) -> Any:
    node = helper.make_node(op, ["x", *constants], ["y"], **attributes)
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes)]
    infos += [helper.make_tensor_value_info(n, TensorProto.FLOAT, c.shape) for n, c in constants.items()]
    graph = helper.make_graph(
        [node],
        "old",
        infos,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(c, n) for n, c in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=3)


def same_as_now(op: str, opset: int) -> Any:
    return model(op, opset, {}, X.shape)


CASES: dict[str, tuple[Any, np.ndarray, np.ndarray]] = {
    "an operator that means the same now": (same_as_now("Abs", 6), X, np.abs(X)),
    "an operator whose attribute went": (model("Relu", 1, {}, X.shape, consumed_inputs=[0]), X, np.maximum(X, 0)),
    "a sum with a row that is spread": (model("Add", 6, {"b": W[:, 0]}, X.shape, broadcast=1), X, X + W[:, 0]),
    "a product with a bias that is spread": (
        model("Gemm", 6, {"w": W, "v": V}, (3, 4), broadcast=1),
        X[0],
        X[0] @ W + V,
    ),
    "a batch normalisation for inference": (
        model("BatchNormalization", 6, {"s": S, "b": B, "m": M, "v": B**2 + 1}, X.shape, is_test=1, epsilon=0.0),
        X,
        (X - M[:, None]) / np.sqrt(B**2 + 1)[:, None] * S[:, None] + B[:, None],
    ),
    "a shape as an attribute": (model("Reshape", 1, {}, X.shape, shape=[2, 12]), X, X.reshape(2, 12)),
}


@pytest.mark.parametrize("case", CASES)
def test_an_old_file_computes_what_it_says(case: str) -> None:
    proto, x, wanted = CASES[case]
    made = ox.load(proto, verify="never").predict(x)["y"]
    np.testing.assert_allclose(made, wanted, rtol=1e-5, atol=1e-6)


def test_an_old_operator_that_nothing_converts_is_named() -> None:
    with pytest.raises(ox.ModelError, match="uses opset 6, from before opset 7, and onnx.version_converter cannot convert it"):
        ox.load(model("Add", 6, {"b": B}, X.shape, broadcast=1, axis=1))


def test_an_old_batch_normalisation_in_training_mode_is_refused() -> None:
    with pytest.raises(ox.ModelError, match="'' .BatchNormalization. of the model is in training mode, as opset 6 has it"):
        ox.load(model("BatchNormalization", 6, {"s": S, "b": B, "m": M, "v": B**2 + 1}, X.shape))
