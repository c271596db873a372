"""A dict of layers (innsight's named list, in Python) → ONNX: one chain of nodes per layer, named for it.

`{"layers": [{"type": "Dense", "weight": …, "bias": …, "activation_name": "relu", "input_layers": [0],
"output_layers": [-1]}, …], "input_dim": …}`. Layers are numbered from 1; 0 is the model's input and -1 its output;
left out, every layer reads the one before it. Sizes are channels first and without the sample axis.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .. import ConversionError
from .layer_types import ACTIVATIONS, EMIT, Emitted, numbers

OPSET = 19  # Pad's mode "wrap"
AXES = {1: ("feature",), 2: ("channel", "length"), 3: ("channel", "height", "width")}


def to_onnx(
    model: Mapping[str, Any],
    example: Any = None,
    opset: int | None = None,
    channels_first: bool = True,
    dtype: Any = None,
) -> onnx.ModelProto:
    """`channels_first=False`: Flatten runs over (length, channel) and (height, width, channel), as in models whose data
    have their channels last; everything else stays channels first. `dtype`: of all values, by default float32 unless a
    weight needs float64. `example` is not needed."""
    return _Model(model, channels_first, dtype).proto(opset or OPSET)


class _Model:
    """The layers in an order in which each comes after those it reads, and what they are named."""

    def __init__(self, model: Mapping[str, Any], channels_first: bool, dtype: Any) -> None:
        for key in ("layers", "input_dim"):
            if key not in model:
                raise ConversionError(f"the dict of layers has no {key!r}; its keys are {sorted(map(str, model))}")
        layers = model["layers"]
        self.layers = [dict(layer) for layer in (layers.values() if isinstance(layers, Mapping) else layers)]
        if not self.layers:
            raise ConversionError("the dict of layers is empty")
        self.model, self.channels_first = model, channels_first
        n = len(self.layers)
        self.reads = {i: numbers(s.get("input_layers", [i - 1])) for i, s in enumerate(self.layers, 1)}
        self.read_by = {
            i: numbers(s.get("output_layers", [i + 1 if i < n else -1])) for i, s in enumerate(self.layers, 1)
        }
        self.inputs = numbers(_given(model, "input_nodes", [i for i, r in self.reads.items() if 0 in r]))
        self.outputs = numbers(_given(model, "output_nodes", [i for i, r in self.read_by.items() if -1 in r]))
        self.input_dims = _dims(model["input_dim"])
        self._check()
        self.dtype = _dtype(self.layers) if dtype is None else np.dtype(dtype)

    def _check(self) -> None:
        n = len(self.layers)
        for i, reads in self.reads.items():
            wrong = [r for r in reads if not 0 <= r <= n]
            if wrong or not reads:
                raise ConversionError(
                    f"layer {i} ({self._type(i)}) reads layers {wrong or reads}; there are 1 to {n}, and 0"
                )
        if not self.inputs or not self.outputs:
            raise ConversionError(
                "no layer reads the model's input (0)" if self.outputs else "no layer is an output (-1)"
            )
        unfed = [i for i, r in self.reads.items() if 0 in r and i not in self.inputs]
        if unfed:
            raise ConversionError(f"layers {unfed} read a model input, but input_nodes is {self.inputs}")
        if len(self.input_dims) != len(self.inputs):
            raise ConversionError(f"input_dim has {len(self.input_dims)} sizes for {len(self.inputs)} inputs")

    def _type(self, i: int) -> str:
        kind = self.layers[i - 1].get("type")
        if kind not in EMIT:
            raise ConversionError(f"layer {i} has type {kind!r}; the types are {', '.join(EMIT)}")
        return str(kind)

    def _order(self) -> list[int]:
        done: list[int] = []
        waiting = list(self.reads)
        while waiting:
            ready = [i for i in waiting if all(r == 0 or r in done for r in self.reads[i])]
            if not ready:
                raise ConversionError(f"layers {waiting} read each other in a circle")
            done += ready
            waiting = [i for i in waiting if i not in ready]
        return done

    def proto(self, opset: int) -> onnx.ModelProto:
        elem = helper.np_dtype_to_tensor_dtype(self.dtype)
        names = {i: f"Input_{k}" for k, i in enumerate(self.inputs, 1)}
        ranks: dict[str, int] = {names[i]: len(d) + 1 for i, d in zip(self.inputs, self.input_dims, strict=True)}
        nodes: list[onnx.NodeProto] = []
        weights: list[onnx.TensorProto] = []
        made: dict[int, str] = {}
        for i in self._order():
            kind, spec = self._type(i), self.layers[i - 1]
            read = [names[i] if r == 0 else made[r] for r in self.reads[i]]
            made[i] = f"Output_{self.outputs.index(i) + 1}" if i in self.outputs else f"{kind}_{i}"
            try:
                steps = self._steps(kind, spec, [ranks[v] for v in read])
            except (KeyError, TypeError, ValueError) as error:
                missing = f"has no {error}" if isinstance(error, KeyError) else str(error)
                raise ConversionError(f"layer {i} ({kind}): {missing}") from error
            for k, step in enumerate(steps):
                last = k == len(steps) - 1
                name = f"{kind}_{i}" if k == 0 else f"{kind}_{i}_{step.op}"
                out = made[i] if last else f"{name}_out"
                stored = [f"{name}_{key}" for key in step.constants]
                for label, value in zip(stored, step.constants.values(), strict=True):
                    value = value.astype(self.dtype) if value.dtype.kind == "f" else value
                    weights.append(numpy_helper.from_array(np.ascontiguousarray(value), label))
                nodes.append(helper.make_node(step.op, [*read, *stored], [out], name=name, **step.attributes))
                read, ranks[out] = [out], step.rank
        graph = helper.make_graph(
            nodes,
            "layers",
            [
                helper.make_tensor_value_info(names[i], elem, ["n", *d])
                for i, d in zip(self.inputs, self.input_dims, strict=True)
            ],
            [helper.make_tensor_value_info(made[i], elem, ["n", *[None] * (ranks[made[i]] - 1)]) for i in self.outputs],
            weights,
        )
        result = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
        helper.set_model_props(result, self._labels())
        onnx.checker.check_model(result)
        return onnx.shape_inference.infer_shapes(result)

    def _steps(self, kind: str, spec: Mapping[str, Any], ranks: Sequence[int]) -> list[Emitted]:
        steps = EMIT[kind](spec, ranks, self.channels_first)
        activation = spec.get("activation_name") or "linear"
        if activation not in ACTIVATIONS:
            raise ValueError(f"has activation {activation!r}; there are {', '.join(ACTIVATIONS)}")
        if (act := ACTIVATIONS[activation]) is not None:
            steps = [*steps, Emitted(act[0], steps[-1].rank, act[1])]
        return steps

    def _labels(self) -> dict[str, str]:
        """Names of features and classes, where `ox.load` finds them."""
        out: dict[str, str] = {}
        if (names := self.model.get("input_names")) is not None:
            each = _per_value(names, len(self.inputs))
            table = {
                f"Input_{k}": dict(zip(AXES[len(d)], _axes(labels), strict=False))
                for k, (d, labels) in enumerate(zip(self.input_dims, each, strict=True), 1)
            }
            out["onnxplain.input_labels"] = json.dumps(table)
        if (names := self.model.get("output_names")) is not None:
            each = _per_value(names, len(self.outputs))
            out["onnxplain.output_labels"] = json.dumps({f"Output_{k}": _axes(v)[-1] for k, v in enumerate(each, 1)})
        return out


def _given(model: Mapping[str, Any], key: str, default: Any) -> Any:
    return default if model.get(key) is None else model[key]


def _dims(given: Any) -> list[list[int]]:
    """One size (3, 8, 8), or a list of them."""
    if isinstance(given, (int, np.integer)):
        return [[int(given)]]
    many = any(isinstance(d, (list, tuple, np.ndarray)) for d in given)
    return [numbers(d) for d in given] if many else [numbers(given)]


def _axes(names: Any) -> list[list[str]]:
    """["a", "b"], or one such list per axis."""
    if isinstance(names, str):
        return [[names]]
    names = list(names)
    return (
        [list(map(str, axis)) for axis in names] if names and not isinstance(names[0], str) else [list(map(str, names))]
    )


def _per_value(names: Any, n: int) -> list[Any]:
    """The names of each of n inputs or outputs; those of the only one may stand alone."""
    if n == 1:
        deep = not isinstance(names, str) and len(names) == 1 and not isinstance(names[0], str) and len(names[0]) > 0
        return [names[0] if deep and not isinstance(names[0][0], str) else names]
    if len(names) != n:
        raise ConversionError(f"{len(names)} lists of names for {n} inputs or outputs")
    return list(names)


def _dtype(layers: Sequence[Mapping[str, Any]]) -> np.dtype:
    """float64 where a weight needs it."""
    for layer in layers:
        for value in layer.values():
            if (
                isinstance(value, np.ndarray)
                and value.dtype == np.float64
                and (value.astype(np.float32) != value).any()
            ):
                return np.dtype(np.float64)
    return np.dtype(np.float32)
