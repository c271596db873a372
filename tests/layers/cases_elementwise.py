"""Elementwise functions, and the same operators on integers."""

from __future__ import annotations

import numpy as np

from .harness import C, Case, normal, uniform

X = 3 * normal(3, 5, seed=3)
POSITIVE = uniform(3, 5)
INSIDE = uniform(3, 5, low=-0.95, high=0.95)
INTEGERS = np.array([[-7, -2, 0], [1, 3, 8]], dtype=np.int64)


def f32(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


def scalar(value: float) -> C:
    return C(np.array(value, dtype=np.float32))


CASES = [
    *(
        Case(op, [X])
        for op in (
            *("Relu", "LeakyRelu", "Elu", "Selu", "Celu", "ThresholdedRelu", "HardSigmoid", "HardSwish", "Softplus"),
            *("Softsign", "Sigmoid", "Tanh", "Exp", "Reciprocal", "Abs", "Erf", "Sin", "Cos", "Sinh", "Cosh", "Atan"),
            *("Asinh", "Sign", "Floor", "Ceil", "Round", "Shrink"),
        )
    ),
    *(Case(op, [X], note="not of ONNX", ort=False) for op in ("Erfc", "Expm1")),
    *(Case(op, [POSITIVE]) for op in ("Sqrt", "Log")),
    *(Case(op, [INSIDE]) for op in ("Asin", "Acos", "Atanh", "Tan")),
    Case("Acosh", [POSITIVE + 1]),
    Case("Relu", [normal(2, 3, 4, 5)], opset=7, note="four axes"),
    Case("Relu", [INTEGERS.astype(np.int32)], note="integers"),
    Case("LeakyRelu", [X], {"alpha": 0.3}, opset=7),
    Case("LeakyRelu", [X], {"alpha": -0.3}, note="negative"),
    Case("PRelu", [X, C(normal(5))]),
    Case("PRelu", [normal(2, 3, 4, 4), C(normal(3, 1, 1))], note="per channel"),
    Case("PRelu", [X, C(f32(0.25))], opset=7),
    Case("PRelu", [INTEGERS, C(np.array([2], dtype=np.int64))], note="integers"),
    Case("Elu", [X], {"alpha": 0.7}),
    Case("Selu", [X], {"alpha": 1.2, "gamma": 0.9}),
    Case("Celu", [X], {"alpha": 2.5}, note="alpha"),
    Case("ThresholdedRelu", [X], {"alpha": 0.4}, note="alpha"),
    Case("HardSigmoid", [X], {"alpha": 0.3, "beta": 0.4}, note="alpha beta"),
    Case("HardSigmoid", [X], {"alpha": -0.3}, note="falling"),
    Case("HardSwish", [X], opset=22, note="opset 22"),
    Case("Shrink", [X], {"bias": 0.7, "lambd": 0.7}, note="soft"),
    Case("Shrink", [X], {"bias": 0.2, "lambd": 1.0}, note="jumps"),
    Case("Clip", [X], {"min": -1.0, "max": 2.0}, opset=7),
    Case("Clip", [X], {"max": 2.0}, opset=10, note="no minimum"),
    Case("Clip", [X], opset=10, note="no bounds"),
    Case("Clip", [X, scalar(-0.5), scalar(1.5)], opset=11),
    Case("Clip", [X, scalar(0.5)], note="minimum"),
    Case("Clip", [X, None, scalar(0.5)], note="maximum"),
    Case("Clip", [X], note="nothing"),
    Case("Clip", [INTEGERS, C(np.array(-3)), C(np.array(2))], note="integers"),
    Case("Clip", [INTEGERS, None, C(np.array(2))], note="integers maximum"),
    *(Case(op, [INTEGERS], note="integers") for op in ("Abs", "Neg", "Sign")),
    # x^p, c^x, c/x
    *(Case("Pow", [POSITIVE, scalar(p)], note=f"x to the {p}") for p in (0.5, -0.5, 1.7, -1.0, 0.0, 1.0)),
    *(Case("Pow", [X, scalar(p)], note=f"any sign to the {p}") for p in (2.0, 3.0, 4.0, 5.0, -2.0, -3.0, -1.0)),
    Case("Pow", [X, C(np.array(2, dtype=np.int64))], note="integer exponent"),
    Case("Pow", [X, C(np.array([3], dtype=np.int32))], opset=12, note="exponent of one axis"),
    Case("Pow", [X, scalar(2.0)], opset=7),
    Case("Pow", [POSITIVE, C(uniform(2, 1, 5, low=-2))], note="exponents broadcast x"),
    Case("Pow", [X, C(f32(1, 2, 3, 4, 0))], note="exponents differ"),
    Case("Pow", [X, np.array([3, 2, -1, 4, 0], dtype=np.int64)], note="integer exponents computed"),
    Case("Pow", [X, np.array(2, dtype=np.int32)], opset=12, note="integer exponent computed"),
    Case("Pow", [scalar(2.5), X], note="base"),
    Case("Pow", [C(uniform(2, 1, 1)), X], note="bases broadcast x"),
    Case("Pow", [INTEGERS, C(np.array(3, dtype=np.int64))], note="integers"),
    Case("Div", [scalar(2.0), X], note="constant numerator"),
    Case("Div", [C(normal(2, 1, 5)), X], note="numerators broadcast x"),
    # gates
    Case("Gelu", [X], opset=20),
    Case("Gelu", [X], {"approximate": "tanh"}, opset=20, note="tanh"),
    Case("Gelu", [X], domain="com.microsoft", note="microsoft"),
    Case("FastGelu", [X], domain="com.microsoft"),
    Case("QuickGelu", [X], domain="com.microsoft"),
    Case("QuickGelu", [X], {"alpha": 0.8}, domain="com.microsoft", note="alpha"),
    Case("Mish", [X], opset=18),
    Case("Swish", [X], opset=24),
    Case("Swish", [X], {"alpha": 1.4}, opset=24, note="alpha"),
    # remainders and integer arithmetic
    Case("Mod", [X, scalar(1.5)], {"fmod": 1}),
    Case("Mod", [X, C(f32(1, 2, 0.5, -3, 1.5))], {"fmod": 1}, opset=10, note="several"),
    Case("Mod", [X, scalar(-1.5)], opset=28, note="floor", ort=False),  # onnxruntime has no remainder of that sign
    Case("Mod", [C(f32(1, 2, 0.5, -3, 1.5)), X], {"fmod": 1}, note="of a constant"),
    Case("Mod", [C(scalar(1.5).value), X], opset=28, note="floor of a constant", ort=False),  # as above
    Case("Mod", [INTEGERS, C(np.array([3], dtype=np.int64))], note="integers"),
    Case("Mod", [INTEGERS, C(np.array([3], dtype=np.int64))], {"fmod": 1}, note="integers fmod"),
    *(
        Case(op, [INTEGERS, np.array([[2], [-3]], dtype=np.int64)], note="integers")
        for op in ("Add", "Sub", "Mul", "Div")
    ),
    Case("Div", [INTEGERS, C(np.array(2, dtype=np.int64))], note="integers by a constant"),
    Case("Sub", [C(np.array(2, dtype=np.int64)), INTEGERS], note="integers from a constant"),
    Case("MatMul", [INTEGERS, INTEGERS.T.copy()], note="integers"),
]
