"""Quantised operators of ONNX and of onnxruntime as their parts: from a zero point, the operator itself, rounded again."""

from __future__ import annotations

from collections.abc import Callable

from ..body import Body
from .linear import (
    conv_integer,
    dynamic_mat_mul,
    mat_mul_integer,
    mat_mul_integer_to_float,
    q_gemm,
    q_linear_conv,
    q_linear_mat_mul,
)
from .parts import dynamic_quantize, typed
from .pointwise import (
    q_linear_add,
    q_linear_average_pool,
    q_linear_concat,
    q_linear_global_average_pool,
    q_linear_leaky_relu,
    q_linear_mul,
    q_linear_sigmoid,
    q_linear_softmax,
    q_linear_where,
)
from .weights import dynamic_lstm, gather_block_quantized, mat_mul_n_bits, q_attention

#: operator → what writes its parts
QUANTISED: dict[str, Callable[[Body], None]] = {
    "ConvInteger": conv_integer,
    "DynamicQuantizeLinear": dynamic_quantize,
    "MatMulInteger": mat_mul_integer,
    "QLinearConv": q_linear_conv,
    "QLinearMatMul": q_linear_mat_mul,
    "QuantizeLinear": typed,
    **{
        f"com.microsoft:{name}": write
        for name, write in {
            "DynamicQuantizeLSTM": dynamic_lstm,
            "DynamicQuantizeMatMul": dynamic_mat_mul,
            "GatherBlockQuantized": gather_block_quantized,
            "MatMulIntegerToFloat": mat_mul_integer_to_float,
            "MatMulNBits": mat_mul_n_bits,
            "QAttention": q_attention,
            "QGemm": q_gemm,
            "QLinearAdd": q_linear_add,
            "QLinearAveragePool": q_linear_average_pool,
            "QLinearConcat": q_linear_concat,
            "QLinearConv": q_linear_conv,
            "QLinearGlobalAveragePool": q_linear_global_average_pool,
            "QLinearLeakyRelu": q_linear_leaky_relu,
            "QLinearMul": q_linear_mul,
            "QLinearSigmoid": q_linear_sigmoid,
            "QLinearSoftmax": q_linear_softmax,
            "QLinearWhere": q_linear_where,
            "QuantizeLinear": typed,
        }.items()
    },
}
