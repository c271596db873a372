"""Operators that are made of others → those others, before any layer is chosen: each rule then meets a part it knows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from onnx import NodeProto

from ...layers.base import operator_key
from ..types import ValueType
from .attention import attention
from .body import Body
from .bounds import clip, prelu
from .casts import cast, cast_like
from .contrib import CONTRIB
from .einsum import einsum
from .losses import negative_log_likelihood, softmax_cross_entropy
from .lp_pool import global_lp_pool, lp_pool
from .ml import ML
from .norms import group_norm, instance_norm, layer_norm
from .quantised import QUANTISED
from .recurrent import RECURRENT
from .reductions import l1, l2, log_sum, sum_square
from .rotary import rotary_embedding
from .sampled import deform_conv, roi_align
from .sequence_map import sequence_map
from .signal import causal_conv, stft
from .training import TRAINING
from .training_mode import batch_norm, dropout
from .weights import convolution, gemm

#: operator ("Attention", "com.microsoft:Attention") → what writes its parts
LOWERED: dict[str, Callable[[Body], None]] = {
    "Attention": attention,
    "RotaryEmbedding": rotary_embedding,
    "BatchNormalization": batch_norm,
    "Cast": cast,
    "CastLike": cast_like,
    "CausalConvWithState": causal_conv,
    "Clip": clip,
    "Conv": convolution,
    "ConvTranspose": convolution,
    "DeformConv": deform_conv,
    "Dropout": dropout,
    "Einsum": einsum,
    "Gemm": gemm,
    "GlobalLpPool": global_lp_pool,
    "GroupNormalization": group_norm,
    "InstanceNormalization": instance_norm,
    "LayerNormalization": layer_norm,
    "LpPool": lp_pool,
    "NegativeLogLikelihoodLoss": negative_log_likelihood,
    "PRelu": prelu,
    "RMSNormalization": layer_norm,
    "ReduceL1": l1,
    "ReduceL2": l2,
    "ReduceLogSum": log_sum,
    "ReduceSumSquare": sum_square,
    "RoiAlign": roi_align,
    "STFT": stft,
    "SequenceMap": sequence_map,
    "SoftmaxCrossEntropyLoss": softmax_cross_entropy,
    **CONTRIB,
    **ML,
    **QUANTISED,
    **RECURRENT,
    **TRAINING,
}


def lower(
    nodes: Sequence[NodeProto], types: Mapping[str, ValueType], stored: Iterable[str] = (), opset: int = 0
) -> list[NodeProto]:
    """The nodes with every one that a row of `LOWERED` writes parts for replaced by them, named "<node>/<part>"; one
    that it writes nothing for stays. `stored`: the values that the file holds."""
    constants = set(stored)
    out: list[NodeProto] = []
    waiting = list(reversed(nodes))
    while waiting:
        n = waiting.pop()
        write = LOWERED.get(operator_key(n.op_type, n.domain))
        if write is not None:
            write(body := Body(n, types, constants, opset))
            if body.nodes:
                waiting += reversed(body.nodes)
                continue
        out.append(n)
        if all(i in constants for i in n.input if i) and not is_random(n):
            constants.update(n.output)
    return out


def is_random(n: NodeProto) -> bool:
    return n.op_type.startswith("Random") or n.op_type in ("Bernoulli", "Multinomial")
