"""Small models with everything that engines get wrong: one builder each, and the table `CASES` of those with data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto

import onnxplain as ox

from .build import Writer

INT64 = TensorProto.INT64


def mlp(opset: int = 17) -> ModelProto:
    w = Writer(1)
    h = w.node("Relu", w.dense("x", 6, 7))
    h = w.node("Tanh", w.node("Add", w.node("MatMul", h, w.weight(7, 5)), w.weight(5)))
    w.dense(h, 5, 3, to="y")
    return w.model({"x": ("N", 6)}, {"y": ("N", 3)}, opset)


def linear() -> ModelProto:
    w = Writer(2)
    h = w.dense("x", 4, 6)
    w.dense(h, 6, 3, to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 3)})


def relu_without_bias() -> ModelProto:
    """Positively homogeneous: relevance is conserved to rounding."""
    w = Writer(3)
    h = w.node("Relu", w.dense("x", 5, 9, bias=False), to="h")
    h = w.node("Relu", w.node("Add", w.dense(h, 9, 9, bias=False), h), to="k")
    w.dense(h, 9, 3, to="y", bias=False)
    return w.model({"x": ("N", 5)}, {"y": ("N", 3)})


def cnn(opset: int = 17, rows: Any = "N") -> ModelProto:
    """Overlapping, padded max-pooling and batch normalisation behind a convolution without a bias."""
    w = Writer(4)
    h = w.batch_norm(w.node("Conv", "x", w.weight(4, 2, 3, 3), pads=[1, 1, 1, 1]), 4)
    h = w.node("MaxPool", w.node("Relu", h), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], to="pooled")
    h = w.node("Conv", h, w.weight(5, 4, 3, 3, scale=0.3), w.weight(5), strides=[2, 1])
    h = w.node("Flatten", w.node("GlobalAveragePool", w.node("Relu", h)))
    w.dense(h, 5, 4, to="y")
    return w.model({"x": (rows, 2, 8, 9)}, {"y": (rows, 4)}, opset)


def residual() -> ModelProto:
    """A value read twice by one node and again by another; one constant used three times."""
    w = Writer(5)
    c = w.weight(6)
    h = w.node("Add", w.dense("x", 4, 6), c, to="h")
    h = w.node("Add", h, w.node("Relu", w.dense(h, 6, 6)))
    h = w.node("Add", w.node("Mul", h, c), w.node("Sigmoid", h))
    h = w.node("Sub", w.node("Add", h, h), c)
    w.dense(h, 6, 3, to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 3)})


def products() -> ModelProto:
    """x·x, a quotient, softmax inside."""
    w = Writer(6)
    h = w.dense("x", 4, 5)
    gate = w.node("Softmax", w.dense("x", 4, 5), axis=-1)
    h = w.node("Mul", w.node("Mul", h, h), gate)
    h = w.node("Div", h, w.node("Add", w.node("Exp", w.node("Tanh", h)), w.constant(1.5)))
    w.dense(h, 5, 3, to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 3)})


def attention() -> ModelProto:
    w = Writer(7)
    h = w.node("LayerNormalization", "x", w.weight(8, shift=1), w.weight(8), axis=-1)
    q, k, v = (w.node("MatMul", h, w.weight(8, 8, scale=0.4)) for _ in range(3))
    scores = w.node("MatMul", q, w.node("Transpose", k, perm=[0, 2, 1]))
    weights = w.node("Softmax", w.node("Div", scores, w.constant(8**0.5)), axis=-1)
    h = w.node("Add", w.node("MatMul", weights, v), "x", to="mixed")
    h = w.node("LayerNormalization", h, w.weight(8, shift=1), w.weight(8), axis=-1)
    erf = w.node("Add", w.node("Erf", w.node("Div", h, w.constant(2**0.5))), w.constant(1.0))
    h = w.node("Mul", w.node("Mul", h, erf), w.constant(0.5))
    w.dense(w.node("ReduceMean", h, axes=[1], keepdims=0), 8, 3, to="y")
    return w.model({"x": ("N", 5, 8)}, {"y": ("N", 3)})


def branches() -> ModelProto:
    """Two inputs, two outputs; "b" reaches only "both"."""
    w = Writer(8)
    a = w.node("Tanh", w.dense("a", 4, 5))
    b = w.node("Relu", w.dense(w.node("Flatten", "b"), 6, 5))
    w.dense(w.node("Concat", a, b, axis=1), 10, 3, to="both")
    w.dense(a, 5, 2, to="alone")
    return w.model({"a": ("N", 4), "b": ("N", 2, 3)}, {"both": ("N", 3), "alone": ("N", 2)})


def inner_output() -> ModelProto:
    """An output that other layers read on."""
    w = Writer(9)
    w.node("Relu", w.dense("x", 4, 5), to="hidden")
    w.dense("hidden", 5, 3, to="y")
    return w.model({"x": ("N", 4)}, {"hidden": ("N", 5), "y": ("N", 3)})


def embedding() -> ModelProto:
    """Token ids, and the kind of each token: two integer inputs, explained where their floating values begin."""
    w = Writer(10)
    e = w.node("Gather", w.weight(11, 6), "ids", to="embedded ids")
    k = w.node("Gather", w.weight(3, 6), "kinds", to="embedded kinds")
    h = w.node("LayerNormalization", w.node("Add", e, k), w.weight(6, shift=1), w.weight(6), axis=-1)
    h = w.node("Relu", w.node("Add", w.node("MatMul", h, w.weight(6, 6)), w.weight(6)))
    w.dense(w.node("ReduceMean", h, axes=[1], keepdims=0), 6, 3, to="y")
    return w.model({"ids": ("N", 5), "kinds": ("N", 5)}, {"y": ("N", 3)}, types={"ids": INT64, "kinds": INT64})


def sequence_first() -> ModelProto:
    """Samples on axis 1."""
    w = Writer(11)
    h = w.node("Tanh", w.node("MatMul", "x", w.weight(4, 6)))
    h = w.node("Mul", h, w.node("Sigmoid", w.node("MatMul", "x", w.weight(4, 6))), to="gated")
    w.dense(w.node("ReduceMean", h, axes=[0], keepdims=0), 6, 3, to="y")
    return w.model({"x": ("T", "N", 4)}, {"y": ("N", 3)})


def fixed(rows: int) -> ModelProto:
    """Insists on a number of samples: it stands in a Reshape."""
    w = Writer(12)
    h = w.node("Relu", w.node("Conv", "x", w.weight(3, 2, 3, 3), w.weight(3)))
    w.dense(w.node("Reshape", h, w.constant([rows, 12])), 12, 3, to="y")
    return w.model({"x": (rows, 2, 4, 4)}, {"y": (rows, 3)})


def setting() -> ModelProto:
    """A scalar that all samples share."""
    w = Writer(13)
    h = w.node("Tanh", w.node("Mul", w.dense("x", 4, 5), "strength"))
    w.dense(h, 5, 3, to="y")
    return w.model({"x": ("N", 4), "strength": ()}, {"y": ("N", 3)})


def arg_max() -> ModelProto:
    w = Writer(14)
    h = w.dense(w.node("Relu", w.dense("x", 4, 6)), 6, 3, to="scores")
    w.node("ArgMax", h, to="label", axis=1, keepdims=0)
    return w.model({"x": ("N", 4)}, {"label": ("N",)}, types={"label": INT64})


def softmax_reshaped() -> ModelProto:
    """Softmax over the last of two unit axes, then flattened."""
    w = Writer(15)
    h = w.dense(w.node("Tanh", w.dense("x", 4, 6)), 6, 6, to="scores")
    h = w.node("Softmax", w.node("Reshape", h, w.constant([-1, 2, 3])), axis=-1)
    w.node("Reshape", h, w.constant([-1, 6]), to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 6)})


def map_output() -> ModelProto:
    """Units with two axes (2, 3)."""
    w = Writer(16)
    h = w.dense(w.node("Tanh", w.dense("x", 4, 6)), 6, 6)
    w.node("Reshape", h, w.constant([-1, 2, 3]), to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 2, 3)})


def sigmoid_output() -> ModelProto:
    w = Writer(17)
    w.node("Sigmoid", w.dense(w.node("Relu", w.dense("x", 4, 6)), 6, 1, to="logit"), to="y")
    return w.model({"x": ("N", 4)}, {"y": ("N", 1)})


def max_pool_ties() -> ModelProto:
    """Constant data make every window a tie."""
    w = Writer(18)
    h = w.node("MaxPool", "x", kernel_shape=[2, 2], strides=[1, 1])
    w.dense(w.node("Flatten", w.node("Relu", w.node("Conv", h, w.weight(3, 2, 2, 2), w.weight(3)))), 3 * 4, 3, to="y")
    return w.model({"x": ("N", 2, 4, 4)}, {"y": ("N", 3)})


@dataclass(frozen=True)
class Case:
    """`shapes`: of one sample of each input; an integer input's values lie below `below`."""

    proto: Callable[[], ModelProto]
    shapes: dict[str, tuple[int, ...]]
    below: dict[str, int] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    shared: tuple[str, ...] = ()

    def data(self, n: int = 3, seed: int = 0, scale: float = 1.0) -> dict[str, np.ndarray]:
        random = np.random.default_rng([7, seed])
        out = {}
        for name, shape in self.shapes.items():
            full = shape if name in self.shared else (n, *shape)
            if name in self.below:
                x: Any = random.integers(self.below[name], size=full)
            else:
                x = np.asarray(random.standard_normal(full) * scale + 0.2)
            axis = self.options.get("batch_axis", {}).get(name, 0)
            out[name] = np.ascontiguousarray(np.moveaxis(x, 0, axis)) if axis else x
        return out


CASES: dict[str, Case] = {
    "mlp": Case(mlp, {"x": (6,)}),
    "linear": Case(linear, {"x": (4,)}),
    "cnn": Case(cnn, {"x": (2, 8, 9)}),
    "residual": Case(residual, {"x": (4,)}),
    "products": Case(products, {"x": (4,)}),
    "attention": Case(attention, {"x": (5, 8)}),
    "branches": Case(branches, {"a": (4,), "b": (2, 3)}),
    "inner_output": Case(inner_output, {"x": (4,)}),
    "embedding": Case(embedding, {"ids": (5,), "kinds": (5,)}, {"ids": 11, "kinds": 3}),
    "sequence_first": Case(sequence_first, {"x": (7, 4)}, options={"batch_axis": {"x": 1}}),
    "fixed_1": Case(lambda: fixed(1), {"x": (2, 4, 4)}),
    "fixed_3": Case(lambda: fixed(3), {"x": (2, 4, 4)}),
    "setting": Case(setting, {"x": (4,), "strength": ()}, shared=("strength",)),
    "arg_max": Case(arg_max, {"x": (4,)}),
    "softmax_reshaped": Case(softmax_reshaped, {"x": (4,)}),
    "map_output": Case(map_output, {"x": (4,)}),
    "sigmoid_output": Case(sigmoid_output, {"x": (4,)}),
    "max_pool_ties": Case(max_pool_ties, {"x": (2, 4, 4)}),
}


@cache
def loaded(name: str, dtype: str = "float64", **options: Any) -> ox.Model:
    """The case's model, verified against onnxruntime once in float32."""
    case = CASES[name]
    given = {**case.options, **options}
    return ox.load(case.proto(), dtype=dtype, verify="always" if dtype == "float32" else "never", **given)
