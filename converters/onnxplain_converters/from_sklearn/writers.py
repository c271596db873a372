"""Transformers that skl2onnx does not write, or not right: numpy's functions, bins, and powers, of which its branches that are
not taken compute NaN."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from .. import ConversionError
from ..common.forest import below
from .target import FUNCTIONS, Tail


def writers() -> tuple[dict[Any, Any], dict[Any, Any]]:
    """(how shapes follow, how nodes are written) by estimator, for skl2onnx."""
    from sklearn.preprocessing import FunctionTransformer, KBinsDiscretizer, PowerTransformer

    return (
        {FunctionTransformer: _same_shape, PowerTransformer: _same_shape, KBinsDiscretizer: _bin_shape},
        {FunctionTransformer: _function, PowerTransformer: _power, KBinsDiscretizer: _bins},
    )


def _same_shape(operator: Any) -> None:
    columns = [i.type.shape[1] for i in operator.inputs]
    operator.outputs[0].type = type(operator.inputs[0].type)([None, None if None in columns else sum(columns)])


def _bin_shape(operator: Any) -> None:
    _same_shape(operator)
    part = operator.raw_operator
    if part.encode != "ordinal":
        operator.outputs[0].type.shape = [None, int(np.sum(part.n_bins_))]


class _Nodes:
    """Nodes of one operator, one after the other."""

    def __init__(self, scope: Any, operator: Any, container: Any) -> None:
        self.scope, self.container = scope, container
        self.opset = container.target_opset_any_domain("")
        self.proto = operator.inputs[0].type.to_onnx_type().tensor_type.elem_type
        names = [i.full_name for i in operator.inputs]
        self.x = names[0] if len(names) == 1 else self.add("Concat", *names, axis=1)

    def add(self, op: str, *inputs: str, out: str | None = None, **attributes: Any) -> str:
        name = out or self.scope.get_unique_variable_name(op.lower())
        self.container.add_node(
            op, list(inputs), name, name=self.scope.get_unique_operator_name(op), op_domain="", op_version=self.opset,
            **attributes,
        )  # fmt: skip
        return name

    def constant(self, value: Any) -> str:
        name = self.scope.get_unique_variable_name("constant")
        array = np.asarray(value, np.float64)
        self.container.add_initializer(name, self.proto, list(array.shape), array.ravel().tolist())
        return name

    def integers(self, values: Sequence[int]) -> str:
        name = self.scope.get_unique_variable_name("integers")
        self.container.add_initializer(name, onnx.TensorProto.INT64, [len(values)], list(values))
        return name

    def tail(self, x: str, tail: Tail) -> str:
        for op, constant in tail:
            x = self.add(op, x, *([] if constant is None else [self.constant(constant)]))
        return x


def _function(scope: Any, operator: Any, container: Any) -> None:
    """A function of numpy's, or none."""
    function = operator.raw_operator.func
    nodes = _Nodes(scope, operator, container)
    if function is not None and (function not in FUNCTIONS or operator.raw_operator.kw_args):
        known = ", ".join(f"np.{f.__name__}" for f in FUNCTIONS)
        raise ConversionError(
            f"FunctionTransformer's func {function!r} is code; what can be written is {known}. Transform before the model, and "
            "convert the steps behind it"
        )
    nodes.add("Identity", nodes.tail(nodes.x, FUNCTIONS.get(function, [])), out=operator.outputs[0].full_name)


def _bins(scope: Any, operator: Any, container: Any) -> None:
    """A row's bin is the number of inner edges that are not above it; of one-hot codes, which number that is."""
    part = operator.raw_operator
    nodes = _Nodes(scope, operator, container)
    bins = [int(n) for n in part.n_bins_]
    single = nodes.proto == onnx.TensorProto.FLOAT
    edges = np.full((1, len(bins), max(max(bins) - 1, 1)), np.finfo(np.float32).max, np.float64)  # none reaches these
    for j, found in enumerate(part.bin_edges_):
        inner = np.asarray(found, np.float64)[1:-1]
        edges[0, j, : len(inner)] = -below(-inner) if single else inner
    last = nodes.integers([2])
    above = nodes.add("GreaterOrEqual", nodes.add("Unsqueeze", nodes.x, last), nodes.constant(edges))
    y = nodes.add("ReduceSum", nodes.add("Cast", above, to=nodes.proto), last, keepdims=0)
    if part.encode != "ordinal":
        which = np.arange(max(bins), dtype=np.float64)[None, None]
        hot = nodes.add(
            "Cast", nodes.add("Equal", nodes.add("Unsqueeze", y, last), nodes.constant(which)), to=nodes.proto
        )
        flat = nodes.add("Reshape", hot, nodes.integers([-1, len(bins) * max(bins)]))
        kept = [j * max(bins) + k for j, n in enumerate(bins) for k in range(n)]
        y = nodes.add("Gather", flat, nodes.integers(kept), axis=1)
    nodes.add("Identity", y, out=operator.outputs[0].full_name)


def _power(scope: Any, operator: Any, container: Any) -> None:
    """Box-Cox (x^λ − 1) / λ. Yeo-Johnson f(max(x, 0), λ) − f(max(−x, 0), 2 − λ) with f(u, λ) = ((1 + u)^λ − 1) / λ."""
    part = operator.raw_operator
    nodes = _Nodes(scope, operator, container)
    lambdas = np.asarray(part.lambdas_, np.float64)
    if part.method == "box-cox":
        y = _powers(nodes, nodes.x, lambdas)
    else:
        above = _powers(nodes, nodes.add("Add", nodes.add("Relu", nodes.x), nodes.constant(1.0)), lambdas)
        mirrored = nodes.add("Relu", nodes.add("Neg", nodes.x))
        below = _powers(nodes, nodes.add("Add", mirrored, nodes.constant(1.0)), 2 - lambdas)
        y = nodes.add("Sub", above, below)
    if part.standardize:
        y = nodes.tail(y, [("Sub", part._scaler.mean_), ("Div", part._scaler.scale_)])
    nodes.add("Identity", y, out=operator.outputs[0].full_name)


def _powers(nodes: _Nodes, v: str, lambdas: np.ndarray) -> str:
    """(v^λ − 1) / λ, which is log v where λ is 0; v is positive."""
    zero = np.abs(lambdas) < np.finfo(np.float64).eps
    power = nodes.tail(v, [("Pow", lambdas), ("Sub", 1.0), ("Div", np.where(zero, 1.0, lambdas))])
    if not zero.any():
        return power
    return nodes.add(
        "Add",
        nodes.tail(power, [("Mul", np.where(zero, 0.0, 1.0))]),
        nodes.tail(v, [("Log", None), ("Mul", np.where(zero, 1.0, 0.0))]),
    )
