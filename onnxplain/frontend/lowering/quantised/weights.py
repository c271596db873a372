"""Operators whose weights alone are quantised, or that are quantised at their front only: real weights, as constants."""

from __future__ import annotations

from onnx import TensorProto

from ..body import Body
from .parts import measured, real

MICROSOFT = "com.microsoft"
LSTM = ("activation_alpha", "activation_beta", "activations", "clip", "direction", "hidden_size", "input_forget")


def mat_mul_n_bits(b: Body) -> None:
    """A Wᵀ, W (N, K) stored in blocks of `block_size` along K with `bits` bits a number, low ones first, a scale each
    and a zero point (2^(bits − 1) where none is stored)."""
    bits, block = b.attr("bits", 4), b.attr("block_size")
    n, k = b.attr("N"), b.attr("K")
    if bits not in (2, 4, 8) or b.input(4) or b.attr("weight_prepacked", 0):
        return
    blocks = -(-k // block)
    q = b("Reshape", _unpacked(b, b.input(1), bits), b.ints(n, blocks, -1))  # (N, block, place)
    scales = b("Reshape", b.input(2), b.ints(n, blocks, 1))
    from_zero = b("Sub", q, _zero_points(b, b.input(3), bits, n, blocks))
    w = b("Reshape", b("Mul", from_zero, scales), b.ints(n, -1))
    w = b("Slice", w, b.ints(0), b.ints(k), b.ints(1))  # (N, K)
    bias = b.input(5)
    y = b("MatMul", b.input(0), b("Transpose", w, perm=[1, 0], at="weights"), at="product", result=None if bias else b.output(0))
    if bias:
        b("Add", y, bias, at="with bias", result=b.output(0))


def _zero_points(b: Body, stored: str, bits: int, n: int, blocks: int) -> str:
    if not stored:
        return b.number(2 ** (bits - 1))
    t = b.types.get(stored)
    if t is not None and t.elem_type != TensorProto.UINT8:
        return b("Reshape", stored, b.ints(n, blocks, 1))
    rows = b("Reshape", stored, b.ints(n, -1))
    z = b("Slice", b("Reshape", _unpacked(b, rows, bits), b.ints(n, -1)), b.ints(0), b.ints(blocks), b.ints(1))
    return b("Reshape", z, b.ints(n, blocks, 1))


def _unpacked(b: Body, stored: str, bits: int) -> str:
    """The numbers of `bits` bits that lie in bytes, side by side on a new last axis."""
    whole = b("Cast", stored, to=TensorProto.INT64)
    parts = []
    for k in range(8 // bits):
        shifted = b("Div", whole, b.whole(2 ** (bits * k)))
        parts.append(b("Unsqueeze", b("Mod", shifted, b.whole(2**bits)), b.ints(-1)))
    together = b("Concat", *parts, axis=-1) if len(parts) > 1 else parts[0]
    return b("Cast", together, to=TensorProto.FLOAT)


def gather_block_quantized(b: Body) -> None:
    """Rows of a table stored in blocks, with a scale each; 8 bits, or types of 4 bits, without packing."""
    packed = b.attr("bits", 4) != 8 and (t := b.types.get(b.input(0))) is not None and t.elem_type == TensorProto.UINT8
    if packed or b.attr("gather_axis", 0) != 0:
        return
    inputs = [v for v in (b.input(0), b.input(2), b.input(3)) if v]
    table = b("DequantizeLinear", *inputs, axis=b.attr("quantize_axis", 1), block_size=b.attr("block_size", 128), at="table")
    b("Gather", table, b.input(1), axis=0, result=b.output(0))


def q_attention(b: Body) -> None:
    """Attention of dequantised values by dequantised weights."""
    x = real(b, b.input(0), b.input(3), b.input(6), at="input")
    w = real(b, b.input(1), b.input(4), b.input(7), at="weights")
    inputs = (x, w, b.input(2), b.input(5), b.input(8))
    b("Attention", *inputs, result=b.output(0), more=b.node.output[1:], domain=MICROSOFT, **b.attributes)


def dynamic_lstm(b: Body) -> None:
    """DynamicQuantizeLSTM: an LSTM of the rounded input with dequantised weights, stored transposed. What onnxruntime
    rounds its state to before every step is left out, a hundredth or so of the result."""
    scale, zero_point = measured(b, b.input(0))
    x = real(b, b("QuantizeLinear", b.input(0), scale, zero_point), scale, zero_point, at="input")
    w, r = (_transposed(b, b.input(i), b.input(s), b.input(s + 1), at) for i, s, at in ((1, 8, "W"), (2, 10, "R")))
    inputs = [x, w, r, *(b.input(i) for i in range(3, 8))]
    b("LSTM", *inputs, result=b.output(0), more=b.node.output[1:], **{k: b.attr(k) for k in LSTM})


def _transposed(b: Body, q: str, scale: str, zero_point: str, at: str) -> str:
    """(direction, in, gates) → (direction, gates, in); scales one per direction, or one per gate's unit."""
    per_unit = b.rank(scale) == 2
    shape = b.ints(0, 1, -1) if per_unit else b.ints(-1, 1, 1)
    s, z = (b("Reshape", p, shape) for p in (scale, zero_point))
    return b("Transpose", b("DequantizeLinear", q, s, z), perm=[0, 2, 1], at=at)
