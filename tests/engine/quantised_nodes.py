"""Nets of one quantised operator each, for comparison with onnxruntime: floating data are rounded before it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from .build import Writer

MICROSOFT = "com.microsoft"
UINT8, INT8, FLOAT = TensorProto.UINT8, TensorProto.INT8, TensorProto.FLOAT


class Quantised(Writer):
    """`scale` and `zero` are constants; `rounded` quantises a floating value; operators' results are called "q"."""

    def scale(self, *values: float) -> str:
        return self.parameter(values, np.float32)

    def zero(self, *values: int, dtype: type = np.uint8) -> str:
        return self.parameter(values, dtype)

    def parameter(self, values: Sequence[float], dtype: type) -> str:
        """One number has no axis."""
        name = f"p{len(self.initializers)}"
        array = np.array(values if len(values) > 1 else values[0], dtype)
        self.initializers.append(numpy_helper.from_array(array, name))
        return name

    def whole(self, *shape: int, dtype: type = np.int8) -> str:
        limits = np.iinfo(dtype)
        return self.constant(self.random.integers(limits.min, limits.max + 1, shape).astype(dtype))

    def rounded(self, x: str, scale: float = 0.03, zero: int = 100, dtype: type = np.uint8) -> tuple[str, str, str]:
        s, z = self.scale(scale), self.zero(zero, dtype=dtype)
        return self.node("QuantizeLinear", x, s, z), s, z

    def net(self, outputs: dict[str, int], opset: int = 17, **inputs: tuple) -> ModelProto:
        imports = [helper.make_opsetid(MICROSOFT, 1)]
        return self.model(inputs, dict.fromkeys(outputs, ()), opset, outputs, imports=imports)


def _model(w: Quantised, shape: tuple, out: int = UINT8, opset: int = 17) -> ModelProto:
    proto = w.net({"q": out}, opset, x=shape)
    proto.graph.output[0].type.tensor_type.ClearField("shape")
    return proto


def qlinear_conv(dtype: type = np.int8, columns: bool = True, **attributes: object) -> ModelProto:
    w = Quantised(1)
    group = int(attributes.get("group", 1))  # type: ignore[call-overload]
    scales = w.scale(*(0.002 * (k + 1) for k in range(4))) if columns else w.scale(0.004)
    zeros = w.zero(*[0] * 4, dtype=dtype) if columns else w.zero(3, dtype=dtype)
    bias = w.constant(w.random.integers(-3000, 3000, 4).astype(np.int32))
    x = w.rounded("x")
    w.node("QLinearConv", *x, w.whole(4, 4 // group, 3, 3, dtype=dtype), scales, zeros, w.scale(0.05), w.zero(120), bias, to="q", **attributes)
    return _model(w, ("N", 4, 7, 6))


def conv_integer() -> ModelProto:
    w = Quantised(2)
    x, _, z = w.rounded("x")
    w.node("ConvInteger", x, w.whole(3, 4, 2, 3, dtype=np.uint8), z, w.zero(128), to="q", pads=[1, 0, 0, 1])
    return _model(w, ("N", 4, 7, 6), TensorProto.INT32)


def qlinear_matmul(opset: int = 17) -> ModelProto:
    w = Quantised(3)
    x = w.rounded("x", zero=-5, dtype=np.int8)
    columns = w.scale(*(0.003 * (k + 1) for k in range(5)))
    w.node("QLinearMatMul", *x, w.whole(6, 5), columns, w.zero(*range(-2, 3), dtype=np.int8), w.scale(0.05), w.zero(-7, dtype=np.int8), to="q")
    return _model(w, ("N", 3, 6), INT8, opset)


def matmul_integer() -> ModelProto:
    w = Quantised(4)
    x, _, z = w.rounded("x")
    w.node("MatMulInteger", x, w.whole(6, 5), z, w.zero(*range(-2, 3), dtype=np.int8), to="q")
    return _model(w, ("N", 6), TensorProto.INT32)


def matmul_integer_to_float() -> ModelProto:
    w = Quantised(5)
    x, s, z = w.rounded("x")
    w.node("MatMulIntegerToFloat", x, w.whole(6, 5), s, w.scale(0.01), z, w.zero(3, dtype=np.int8), w.weight(5), to="q", domain=MICROSOFT)
    return _model(w, ("N", 6), FLOAT)


def dynamic_matmul() -> ModelProto:
    w = Quantised(6)
    columns = w.scale(*(0.003 * (k + 1) for k in range(5)))
    w.node("DynamicQuantizeMatMul", "x", w.whole(6, 5), columns, w.zero(*[0] * 5, dtype=np.int8), w.weight(5), to="q", domain=MICROSOFT)
    return _model(w, ("N", 6), FLOAT)


def qgemm(float_out: bool = False, flip: int = 1) -> ModelProto:
    w = Quantised(7)
    x = w.rounded("x")
    c = w.constant(w.random.integers(-2000, 2000, 5).astype(np.int32))
    out = () if float_out else (w.scale(0.06), w.zero(100))
    weights = w.whole(5, 6) if flip else w.whole(6, 5)
    w.node("QGemm", *x, weights, w.scale(*(0.003 * (k + 1) for k in range(5))), w.zero(*[0] * 5, dtype=np.int8), c, *out, to="q", domain=MICROSOFT, transB=flip, alpha=1.5)
    return _model(w, ("N", 6), FLOAT if float_out else UINT8)


def two(op: str) -> ModelProto:
    w = Quantised(8)
    a, b = w.rounded("x"), w.rounded("x", 0.021, 77)
    w.node(op, *a, *b, w.scale(0.057), w.zero(101), to="q", domain=MICROSOFT)
    return _model(w, ("N", 4, 7, 6))


def one(op: str, **attributes: object) -> ModelProto:
    w = Quantised(9)
    w.node(op, *w.rounded("x"), w.scale(0.027), w.zero(90), to="q", domain=MICROSOFT, **attributes)
    return _model(w, ("N", 4, 7, 6))


def softmax(dtype: type = np.uint8, opset: int = 13) -> ModelProto:
    w = Quantised(10)
    zero = 0 if dtype is np.uint8 else -128
    x = w.rounded("x", zero=zero + 100, dtype=dtype)
    w.node("QLinearSoftmax", *x, w.scale(1 / 256), w.zero(zero, dtype=dtype), to="q", domain=MICROSOFT, axis=2 if opset < 13 else -1, opset=opset)
    return _model(w, ("N", 4, 7, 6), UINT8 if dtype is np.uint8 else INT8)


def concat() -> ModelProto:
    w = Quantised(11)
    a, b = w.rounded("x"), w.rounded("x", 0.021, 77)
    w.node("QLinearConcat", w.scale(0.028), w.zero(90), *a, *b, to="q", domain=MICROSOFT, axis=1)
    return _model(w, ("N", 4, 7, 6))


def where() -> ModelProto:
    w = Quantised(12)
    a, b = w.rounded("x"), w.rounded("x", 0.021, 77)
    positive = w.node("Greater", "x", w.constant(0.2))
    w.node("QLinearWhere", positive, *a, *b, w.scale(0.028), w.zero(90), to="q", domain=MICROSOFT)
    return _model(w, ("N", 4, 7, 6))


def n_bits(bits: int, zeros: str | None = None, block: int = 16, bias: bool = False) -> ModelProto:
    """W is 5 × 40: the last block of a row is not full."""
    w = Quantised(13)
    n, k = 5, 40
    blocks = -(-k // block)
    stored = w.whole(n, blocks, block * bits // 8, dtype=np.uint8)
    scales = w.constant(w.random.uniform(0.01, 0.1, (n * blocks)).astype(np.float32))
    packed = -(-blocks * bits // 8)
    z = {"packed": lambda: w.whole(n * packed, dtype=np.uint8), "floating": lambda: w.weight(n, blocks)}.get(zeros or "", lambda: "")()
    inputs = ["x", stored, scales, z, "", w.weight(n)] if bias else ["x", stored, scales, *([z] if z else [])]
    w.node("MatMulNBits", *inputs, to="q", domain=MICROSOFT, bits=bits, block_size=block, N=n, K=k)
    return _model(w, ("N", 40), FLOAT)


def gather_block() -> ModelProto:
    w = Quantised(14)
    table = w.whole(7, 32, dtype=np.uint8)
    scales = w.constant(w.random.uniform(0.01, 0.1, (7, 2)).astype(np.float32))
    rows = w.node("ArgMax", "x", axis=-1, keepdims=0)
    w.node("GatherBlockQuantized", table, rows, scales, w.whole(7, 2, dtype=np.uint8), to="q", domain=MICROSOFT, bits=8, block_size=16, quantize_axis=1, gather_axis=0)
    return _model(w, ("N", 7), FLOAT, 21)

def q_attention(masked: bool) -> ModelProto:
    """Two heads, causal, and with a mask that takes the last position out."""
    w = Quantised(15)
    x, s, z = w.rounded("x", zero=128)
    mask = w.constant(np.array([[1, 1, 1, 1, 0]] * 2, np.int32)) if masked else ""
    weights = [w.whole(8, 24), w.weight(24, scale=0.1), s, w.scale(0.004), mask, z, w.zero(0, dtype=np.int8)]
    w.node("QAttention", x, *weights, to="q", domain=MICROSOFT, num_heads=2, unidirectional=int(not masked))
    return _model(w, ("N", 5, 8), FLOAT)


def dynamic_lstm(per_unit: bool) -> ModelProto:
    """Two samples on axis 1, six steps."""
    w = Quantised(16)
    scales = w.constant(w.random.uniform(0.002, 0.006, (1, 16) if per_unit else (1,)).astype(np.float32))
    zeros = w.constant(np.zeros((1, 16) if per_unit else (1,), np.int8))
    inputs = ["x", w.whole(1, 3, 16), w.whole(1, 4, 16), w.weight(1, 32, scale=0.1), "", "", "", "", scales, zeros, scales, zeros]
    w.node("DynamicQuantizeLSTM", *inputs, to=["all", "q"], domain=MICROSOFT, hidden_size=4)
    return _model(w, (6, 2, 3), FLOAT)


#: name → (net, shape of one sample)
NODES: dict[str, tuple[Callable[[], ModelProto], tuple[int, ...]]] = {
    "QLinearConv": (qlinear_conv, (4, 7, 6)),
    "QLinearConv padded": (lambda: qlinear_conv(pads=[1, 2, 0, 1], strides=[2, 1], dilations=[1, 2]), (4, 7, 6)),
    "QLinearConv grouped": (lambda: qlinear_conv(group=2, auto_pad="SAME_LOWER"), (4, 7, 6)),
    "QLinearConv depthwise": (lambda: qlinear_conv(group=4, columns=False), (4, 7, 6)),
    "QLinearConv of bytes": (lambda: qlinear_conv(np.uint8, columns=False), (4, 7, 6)),
    "ConvInteger": (conv_integer, (4, 7, 6)),
    "QLinearMatMul": (qlinear_matmul, (3, 6)),
    "QLinearMatMul 21": (lambda: qlinear_matmul(21), (3, 6)),
    "MatMulInteger": (matmul_integer, (6,)),
    "MatMulIntegerToFloat": (matmul_integer_to_float, (6,)),
    "DynamicQuantizeMatMul": (dynamic_matmul, (6,)),
    "QGemm": (qgemm, (6,)),
    "QGemm to floats": (lambda: qgemm(float_out=True, flip=0), (6,)),
    "QLinearAdd": (lambda: two("QLinearAdd"), (4, 7, 6)),
    "QLinearMul": (lambda: two("QLinearMul"), (4, 7, 6)),
    "QLinearSigmoid": (lambda: one("QLinearSigmoid"), (4, 7, 6)),
    "QLinearLeakyRelu": (lambda: one("QLinearLeakyRelu", alpha=0.2), (4, 7, 6)),
    "QLinearAveragePool": (lambda: one("QLinearAveragePool", kernel_shape=[2, 3], strides=[2, 1], pads=[0, 1, 1, 0]), (4, 7, 6)),
    "QLinearGlobalAveragePool": (lambda: one("QLinearGlobalAveragePool", channels_last=0), (4, 7, 6)),
    "QLinearGlobalAveragePool channels last": (lambda: one("QLinearGlobalAveragePool", channels_last=1), (4, 7, 6)),
    "QLinearSoftmax": (softmax, (4, 7, 6)),
    "QLinearSoftmax of opset 12": (lambda: softmax(opset=12), (4, 7, 6)),
    "QLinearSoftmax signed": (lambda: softmax(np.int8), (4, 7, 6)),
    "QLinearConcat": (concat, (4, 7, 6)),
    "QLinearWhere": (where, (4, 7, 6)),
    "MatMulNBits": (lambda: n_bits(4), (40,)),
    "MatMulNBits with zero points": (lambda: n_bits(4, "packed", bias=True), (40,)),
    "MatMulNBits 8": (lambda: n_bits(8, "packed"), (40,)),
    "MatMulNBits 2": (lambda: n_bits(2), (40,)),
    "GatherBlockQuantized": (gather_block, (7,)),
    "QAttention": (lambda: q_attention(masked=False), (5, 8)),
    "QAttention masked": (lambda: q_attention(masked=True), (5, 8)),
}

