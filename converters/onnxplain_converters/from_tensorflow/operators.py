"""TensorFlow operators that tf2onnx has no ONNX for, or a poor one: handlers in tf2onnx's own form.

A handler is (graph, node, name, arguments) and rewrites the node; `HANDLERS` holds (handler, arguments) by operator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Handler = Callable[[Any, Any, str, Any], None]


def _erfc(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """erfc(x) = 1 + erf(−x), the sum that a written out gelu has."""
    x = graph.make_node("Neg", [node.input[0]], op_name_scope=name).output[0]
    erf = graph.make_node("Erf", [x], op_name_scope=name).output[0]
    _becomes(graph, node, "Add", [erf, _constant(graph, node, 1)])


def _expm1(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """exp(x) − 1."""
    e = graph.make_node("Exp", [node.input[0]], op_name_scope=name).output[0]
    _becomes(graph, node, "Sub", [e, _constant(graph, node, 1)])


def _where(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """A choice stays one: tf2onnx makes it c·x + (1 − c)·y, which reads both and multiplies what is not chosen."""
    node.type = "Where"


def _add(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """A constant without axes gets one: behind a convolution it makes tf2onnx's pass over transposes fail, and with it every
    convolution keep two of them."""
    shape = graph.get_shape(node.output[0])
    for k, value in enumerate(node.inputs):
        if shape and value.is_const() and value.get_tensor_value(as_list=False).ndim == 0:
            made = graph.make_const(graph_name(graph, name), value.get_tensor_value(as_list=False).reshape(1))
            graph.replace_input(node, node.input[k], made.output[0], k)


def _bucketize(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """How many of the boundaries are at most x."""
    edges = np.asarray(node.get_attr_value("boundaries"), _dtype(graph, node.input[0]))
    last = graph.make_const(graph_name(graph, name), np.asarray([-1], np.int64)).output[0]
    x = graph.make_node("Unsqueeze", [node.input[0], last], op_name_scope=name).output[0]
    edge = graph.make_const(graph_name(graph, name), edges).output[0]
    below = graph.make_node("Less", [x, edge], op_name_scope=name).output[0]
    reached = graph.make_node("Not", [below], op_name_scope=name).output[0]
    counted = graph.make_node("Cast", [reached], attr={"to": graph.get_dtype(node.output[0])}, op_name_scope=name)
    _becomes(graph, node, "ReduceSum", [counted.output[0], last], {"keepdims": 0})


def _gelu(graph: Any, node: Any, name: str, arguments: Any) -> None:
    """TFLite's ½ x (1 + erf x/√2), or its approximation."""
    half, one = _constant(graph, node, 0.5), _constant(graph, node, 1)
    x = node.input[0]

    def made(op: str, *inputs: str) -> str:
        return str(graph.make_node(op, list(inputs), op_name_scope=name).output[0])

    if node.get_attr_value("approximate"):
        cubed = made("Mul", _constant(graph, node, 0.044715), made("Mul", x, made("Mul", x, x)))
        inside = made("Tanh", made("Mul", _constant(graph, node, float(np.sqrt(2 / np.pi))), made("Add", x, cubed)))
    else:
        inside = made("Erf", made("Mul", x, _constant(graph, node, float(np.sqrt(0.5)))))
    _becomes(graph, node, "Mul", [made("Mul", x, half), made("Add", inside, one)])


def graph_name(graph: Any, name: str) -> str:
    from tf2onnx import utils

    return str(utils.make_name(name))


def _dtype(graph: Any, value: str) -> Any:
    from tf2onnx import utils

    return utils.map_onnx_to_numpy_type(graph.get_dtype(value))


def _constant(graph: Any, node: Any, value: float) -> str:
    made = graph.make_const(graph_name(graph, node.name), np.asarray(value, _dtype(graph, node.input[0])))
    return str(made.output[0])


def _becomes(graph: Any, node: Any, op: str, inputs: list[str], attributes: Mapping[str, Any] | None = None) -> None:
    """`op` of these inputs in the node's place."""
    outputs, shapes, dtypes = node.output, node.output_shapes, node.output_dtypes
    graph.remove_node(node.name)
    graph.make_node(
        op, inputs, attr=dict(attributes or {}), name=node.name, outputs=outputs, shapes=shapes, dtypes=dtypes
    )


HANDLERS: Mapping[str, tuple[Handler, list[Any]]] = {
    "Add": (_add, ["Add"]),
    "AddV2": (_add, ["Add"]),
    "Erfc": (_erfc, []),
    "Expm1": (_expm1, []),
    "Bucketize": (_bucketize, []),
    "SelectV2": (_where, []),
    "TFL_GELU": (_gelu, []),
}
