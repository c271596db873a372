"""torch's recurrent modules as ONNX nodes with the same weights; and LRP through a cell, step by step, as it is defined."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from onnx import ModelProto, TensorProto

import onnxplain as ox

from .build import Writer

FEATURES, UNITS, CLASSES = 4, 6, 3
#: how ONNX orders torch's gates
ORDER = {"LSTM": (0, 3, 1, 2), "GRU": (1, 0, 2), "RNN": (0,)}
Array = np.ndarray


def module(op: str, layers: int = 1, both: bool = False, bias: bool = True, units: int = UNITS) -> Any:
    torch.manual_seed(1)
    made = getattr(torch.nn, op)(FEATURES, units, num_layers=layers, bidirectional=both, bias=bias)
    with torch.no_grad():
        for p in made.parameters():
            p.copy_(0.5 * torch.randn(p.shape) if units == UNITS else p)
    return made


def network(
    cell: Any, lengths: bool = False, steps: int | str = "steps", head: bool = True
) -> tuple[ModelProto, Array]:
    """The module's layers, then a dense layer on the outputs of all steps added up, or on the last state; and its weights."""
    op, w, k = type(cell).__name__, Writer(3), len(ORDER[type(cell).__name__])
    sides = ["", "_reverse"] if cell.bidirectional else [""]
    size, x = cell.hidden_size, "x"

    def stacked(name: str, layer: int) -> Array:
        parts = [getattr(cell, f"{name}_l{layer}{s}").detach().numpy() for s in sides]
        return np.stack([np.concatenate([np.split(p, k)[i] for i in ORDER[op]]) for p in parts])

    shape = w.constant(np.array([0, 0, -1]))
    for layer in range(cell.num_layers):
        weights = [w.constant(stacked(f"weight_{n}h", layer), f"weights_{n}{layer}") for n in "ih"]
        biases = [stacked(f"bias_{n}h", layer) for n in "ih"] if cell.bias else []
        given = [
            w.constant(np.concatenate(biases, 1), f"b{layer}") if biases else "",
            *(["lengths"] if lengths else []),
        ]
        attrs: dict[str, Any] = {"hidden_size": size, "direction": "bidirectional" if cell.bidirectional else "forward"}
        attrs |= {"linear_before_reset": 1} if op == "GRU" else {}
        y, last = w.node(op, x, *weights, *given, to=[f"y{layer}", f"h{layer}"], name=f"cell{layer}", **attrs)
        x = w.node("Reshape", w.node("Transpose", y, perm=[0, 2, 1, 3]), shape)
    dense = w.random.standard_normal((CLASSES, len(sides) * size)).astype(np.float32)
    if head:
        w.node(
            "Gemm",
            w.node("ReduceSum", x, w.constant(np.array([0])), keepdims=0),
            w.constant(dense, "dense"),
            to="out",
            transB=1,
        )
    else:
        w.node("Squeeze", last, w.constant(np.array([0])), to="out")
    inputs = {"x": (steps, "n", FEATURES), **({"lengths": ("n",)} if lengths else {})}
    return w.model(inputs, {"out": ("n", CLASSES if head else size)}, types={"lengths": TensorProto.INT32}), dense


def load(proto: ModelProto, dtype: str = "float64", verify: str = "always") -> ox.Model:
    return ox.load(proto, dtype=dtype, batch_axis={"x": 1}, verify=verify)


def lrp(proto: ModelProto, x: Array, unit: int) -> Array:
    """LRP of the last state's unit, seeded with its value, ε = 0: a gate is a constant, every linear layer shares out by
    contribution, its bias in the denominator (Arras et al. 2017, section 2.2). One sample, one direction."""
    (n,) = (n for n in proto.graph.node if n.name == "cell0")
    held = {
        t.name: np.frombuffer(t.raw_data, np.float32).reshape(tuple(t.dims)).astype(float)
        for t in proto.graph.initializer
        if t.data_type == 1
    }
    w, r = held["weights_i0"][0], held["weights_h0"][0]
    wb, rb = np.split(held["b0"][0], 2) if "b0" in held else np.zeros((2, len(w)))
    last = any(a.name == "linear_before_reset" and a.i for a in n.attribute)
    return STEPS[n.op_type](w, r, wb, rb, x.astype(float), unit, last)


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _shared(a: Array, w: Array, z: Array, relevance: Array) -> Array:
    """Σ_j a_i w_ji / z_j · R_j; nothing where z_j = 0, to which nothing contributed."""
    z = np.where(z == 0, np.inf, z)
    return np.array([sum(a[i] * w[j, i] / z[j] * relevance[j] for j in range(len(z))) for i in range(len(a))])


def _rnn(w: Array, r: Array, wb: Array, rb: Array, x: Array, unit: int, last: bool) -> Array:
    h, kept = np.zeros(len(r)), []
    for now in x:
        z = w @ now + r @ h + wb + rb
        kept.append((now, h, z))
        h = np.tanh(z)
    out, relevance = [], np.eye(len(h))[unit] * h
    for now, before, z in reversed(kept):
        out.append(_shared(now, w, z, relevance))
        relevance = _shared(before, r, z, relevance)
    return np.array(out[::-1])


def _lstm(w: Array, r: Array, wb: Array, rb: Array, x: Array, unit: int, last: bool) -> Array:
    size = r.shape[1]
    h, c, kept = np.zeros(size), np.zeros(size), []
    for now in x:
        i, o, f, z = np.split(w @ now + r @ h + wb + rb, 4)
        i, o, f = _sigmoid(i), _sigmoid(o), _sigmoid(f)
        after = f * c + i * np.tanh(z)
        kept.append((now, h, f * c, i * np.tanh(z), after, z))
        h, c = o * np.tanh(after), after
    out, at_h, at_c = [], np.eye(size)[unit] * h, np.zeros(size)
    for now, before, old, new, after, z in reversed(kept):
        at_c = at_c + at_h
        at_g, at_c = at_c * new / after, at_c * old / after
        out.append(_shared(now, w[3 * size :], z, at_g))
        at_h = _shared(before, r[3 * size :], z, at_g)
    return np.array(out[::-1])


def _gru(w: Array, r: Array, wb: Array, rb: Array, x: Array, unit: int, last: bool) -> Array:
    size = r.shape[1]
    h, kept = np.zeros(size), []
    for now in x:
        z, reset = (_sigmoid((w @ now + r @ h + wb + rb)[k * size : (k + 1) * size]) for k in range(2))
        seen = r[2 * size :] @ h + rb[2 * size :] if last else r[2 * size :] @ (reset * h) + rb[2 * size :]
        n = w[2 * size :] @ now + wb[2 * size :] + (reset * seen if last else seen)
        after = (1 - z) * np.tanh(n) + z * h
        kept.append((now, h, reset, z * h, (1 - z) * np.tanh(n), after, seen, n))
        h = after
    out, at_h = [], np.eye(size)[unit] * h
    for now, before, reset, old, new, after, seen, n in reversed(kept):
        at_n, at_h = at_h * new / after, at_h * old / after
        out.append(_shared(now, w[2 * size :], n, at_n))
        if last:  # the reset gate lets a whole sum through
            at_h = at_h + _shared(before, r[2 * size :], seen, at_n * reset * seen / n)
        else:
            at_h = at_h + _shared(reset * before, r[2 * size :], n, at_n)
    return np.array(out[::-1])


STEPS = {"RNN": _rnn, "LSTM": _lstm, "GRU": _gru}
