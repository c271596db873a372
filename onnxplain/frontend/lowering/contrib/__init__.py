"""Operators of onnxruntime's own domain, com.microsoft, and of its first years, as operators of ONNX."""

from __future__ import annotations

from collections.abc import Callable

from ..body import Body
from ..norms import layer_norm
from . import bias, conv, distance, embed, gelu, legacy, matmul, multi_head, norm, position, renamed
from .grouped import group_query_attention
from .rotary import rotary_embedding
from .self_attention import attention

Write = Callable[[Body], None]

_MICROSOFT: dict[str, Write] = {
    "Attention": attention,
    "BiasAdd": bias.bias_add,
    "BiasDropout": bias.bias_dropout,
    "BiasGelu": gelu.bias_gelu,
    "BiasSoftmax": bias.bias_softmax,
    "BiasSplitGelu": gelu.bias_split_gelu,
    "BitmaskBiasDropout": bias.bias_dropout,
    "BitmaskDropout": bias.bitmask_dropout,
    "CDist": distance.cdist,
    "DecoderMaskedMultiHeadAttention": multi_head.decoder_masked_multi_head_attention,
    "EmbedLayerNormalization": embed.embed_layer_normalization,
    "ExpandDims": renamed.expand_dims,
    "FastGelu": gelu.fast_gelu,
    "FusedConv": conv.fused_conv,
    "FusedGemm": matmul.fused_gemm,
    "FusedMatMul": matmul.fused_matmul,
    "FusedMatMulActivation": matmul.fused_matmul,
    "GatedRelativePositionBias": position.gated_relative_position_bias,
    "GatherND": renamed.same,
    "GemmFastGelu": matmul.gemm_fast_gelu,
    "GridSample": renamed.same,
    "GroupNorm": norm.group_norm,
    "GroupQueryAttention": group_query_attention,
    "MultiHeadAttention": multi_head.multi_head_attention,
    "NhwcConv": conv.nhwc_conv,
    "NhwcFusedConv": conv.nhwc_conv,
    "NhwcMaxPool": conv.nhwc_max_pool,
    "Pad": renamed.pad,
    "Range": renamed.arange,
    "RelativePositionBias": position.relative_position_bias,
    "RotaryEmbedding": rotary_embedding,
    "SkipGroupNorm": norm.group_norm,
    "SkipLayerNormalization": norm.skip_layer_normalization,
    "SkipSimplifiedLayerNormalization": norm.skip_layer_normalization,
    "TorchEmbedding": embed.torch_embedding,
    "TransposeMatMul": matmul.fused_matmul,
    "Trilu": renamed.same,
    "Unique": renamed.unique,
}
#: onnxruntime put these into ONNX's own domain
_MAIN: dict[str, Write] = {
    "Affine": legacy.affine,
    "Crop": legacy.crop,
    "DynamicSlice": legacy.dynamic_slice,
    "ImageScaler": legacy.image_scaler,
    "MeanVarianceNormalization": legacy.mean_variance_normalization,
    "ParametricSoftplus": legacy.parametric_softplus,
    "Scale": legacy.scale,
    "ScaledTanh": legacy.scaled_tanh,
    "SimplifiedLayerNormalization": layer_norm,
}
#: operator → what writes its parts
CONTRIB: dict[str, Write] = {**{f"com.microsoft:{op}": w for op, w in _MICROSOFT.items()}, **_MAIN}
