"""The layer types of a dict of layers, and the ONNX nodes each becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Emitted:
    """One node: its operator, the rank of what it makes, its attributes, and its constant inputs by what they are."""

    op: str
    rank: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)


#: (a layer's own dict, ranks of the values it reads, channels first) → its nodes
Emit = Callable[[Mapping[str, Any], Sequence[int], bool], list[Emitted]]

#: activation → operator and attributes; None: nothing happens
ACTIVATIONS: dict[str, tuple[str, dict[str, Any]] | None] = {
    "linear": None,
    "relu": ("Relu", {}),
    "leaky_relu": ("LeakyRelu", {}),  # 0.01 is ONNX's default too; written out it would be rounded to float32
    "softplus": ("Softplus", {}),
    "sigmoid": ("Sigmoid", {}),
    "logistic": ("Sigmoid", {}),
    "softmax": ("Softmax", {"axis": -1}),
    "elu": ("Elu", {}),
    "softsign": ("Softsign", {}),
    "tanh": ("Tanh", {}),
}
MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def numbers(value: Any, n: int | None = None) -> list[int]:
    """Whole numbers from one or several; one of them stands for `n`."""
    out = [int(v) for v in np.asarray(value).reshape(-1)]
    return out * n if n is not None and len(out) == 1 else out


def floats(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array if array.dtype == np.float64 else array.astype(np.float32)


def _per_axis(spec: Mapping[str, Any], key: str, rank: int, default: Any) -> list[int]:
    value = numbers(default if spec.get(key) is None else spec[key], rank)
    if len(value) != rank:
        raise ValueError(f"{key} has {len(value)} numbers for {rank} axes")
    return value


def _dense(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    w = floats(spec["weight"])
    return [Emitted("Gemm", 2, {"transB": 1}, {"weight": w, "bias": _bias(spec, w.shape[0])})]


def _bias(spec: Mapping[str, Any], n: int) -> np.ndarray:
    b = spec.get("bias")
    return np.zeros(n, np.float32) if b is None else floats(b).reshape(-1)


def _conv(rank: int) -> Emit:
    def emit(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
        w = floats(spec["weight"])
        attributes = {
            "strides": _per_axis(spec, "stride", rank, 1),
            "dilations": _per_axis(spec, "dilation", rank, 1),
            "pads": _margins(spec.get("padding", 0), rank),
        }
        return [Emitted("Conv", rank + 2, attributes, {"weight": w, "bias": _bias(spec, w.shape[0])})]

    return emit


def _margins(padding: Any, rank: int) -> list[int]:
    """(left, right[, top, bottom]), one number for all, or (both sides, top and bottom) → ONNX: begins, then ends."""
    p = numbers(padding, 2 * rank)
    if rank == 2 and len(p) == 2:
        p = [p[0], p[0], p[1], p[1]]
    if len(p) != 2 * rank:
        raise ValueError(f"padding has {len(p)} numbers: give 1{', 2' if rank == 2 else ''} or {2 * rank}")
    begins, ends = p[0::2][::-1], p[1::2][::-1]
    return [*begins, *ends]


def _pool(op: str, rank: int) -> Emit:
    def emit(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
        kernel = _per_axis(spec, "kernel_size", rank, None)
        return [Emitted(op, rank + 2, {"kernel_shape": kernel, "strides": _per_axis(spec, "strides", rank, kernel)})]

    return emit


def _global(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    ops = {"average": "GlobalAveragePool", "max": "GlobalMaxPool"}
    if spec["method"] not in ops:
        raise ValueError(f"method {spec['method']!r} is neither 'average' nor 'max'")
    return [Emitted(ops[spec["method"]], ranks[0]), Emitted("Flatten", 2, {"axis": 1})]


def _batch_norm(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    mean, var = floats(spec["run_mean"]).reshape(-1), floats(spec["run_var"]).reshape(-1)
    gamma, beta, eps = spec.get("gamma"), spec.get("beta"), float(spec.get("eps", 1e-5))
    constants = {
        "gamma": np.ones_like(mean) if gamma is None else floats(gamma).reshape(-1),
        "beta": np.zeros_like(mean) if beta is None else floats(beta).reshape(-1),
        "run_mean": mean,
        # an attribute is a float32: what it loses goes into the variance
        "run_var": var.astype(np.float64) + (eps - float(np.float32(eps))),
    }
    return [Emitted("BatchNormalization", ranks[0], {"epsilon": eps}, constants)]


def _flatten(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    start, end, rank = int(spec.get("start_dim", 2)), int(spec.get("end_dim", -1)), ranks[0]
    if end not in (-1, rank):
        raise ValueError(f"end_dim {end}: only -1, the last axis, can be written")
    if start > 2:
        shape = np.array([0] * (start - 1) + [-1], np.int64)
        return [Emitted("Reshape", start, {}, {"shape": shape})]
    flat = Emitted("Flatten", 2, {"axis": start - 1})
    if channels_first or rank == 2:
        return [flat]
    return [Emitted("Transpose", rank, {"perm": [0, *range(2, rank), 1]}), flat]


def _add(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    return [Emitted("Add" if len(ranks) == 2 else "Sum", ranks[0])]


def _concatenate(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    axis = int(spec.get("axis", spec.get("dim", -1)))
    if axis == 0:
        raise ValueError("axis 0: axes count from 1, the sample axis; -1 is the last")
    return [Emitted("Concat", ranks[0], {"axis": axis - 1 if axis > 0 else axis})]


def _padding(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    mode, rank = spec.get("mode", "constant"), ranks[0]
    if mode not in MODES:
        raise ValueError(f"mode {mode!r} is none of {', '.join(MODES)}")
    margins = _margins(spec["padding"], rank - 2)
    half = len(margins) // 2
    constants = {"pads": np.array([0, 0, *margins[:half], 0, 0, *margins[half:]], np.int64)}
    if mode == "constant":
        constants["value"] = np.array(spec.get("value", 0), np.float32)
    return [Emitted("Pad", rank, {"mode": MODES[mode]}, constants)]


def _activation(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    name = spec["act_name"]
    if name not in ACTIVATIONS or (act := ACTIVATIONS[name]) is None:
        raise ValueError(f"act_name {name!r} is none of {', '.join(a for a in ACTIVATIONS if a != 'linear')}")
    # the Identity keeps it a layer of its own: no neighbour takes it for its fused activation
    return [Emitted("Identity", ranks[0]), Emitted(act[0], ranks[0], act[1])]


def _skipping(spec: Mapping[str, Any], ranks: Sequence[int], channels_first: bool) -> list[Emitted]:
    return [Emitted("Identity", ranks[0])]


EMIT: dict[str, Emit] = {
    "Dense": _dense,
    "Conv1D": _conv(1),
    "Conv2D": _conv(2),
    "MaxPooling1D": _pool("MaxPool", 1),
    "MaxPooling2D": _pool("MaxPool", 2),
    "AveragePooling1D": _pool("AveragePool", 1),
    "AveragePooling2D": _pool("AveragePool", 2),
    "GlobalPooling": _global,
    "BatchNorm": _batch_norm,
    "Flatten": _flatten,
    "Add": _add,
    "Concatenate": _concatenate,
    "Padding": _padding,
    "Activation": _activation,
    "Skipping": _skipping,
}
