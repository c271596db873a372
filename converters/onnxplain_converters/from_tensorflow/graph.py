"""A concrete function of TensorFlow's → ONNX by tf2onnx, with what tf2onnx leaves in repaired, or named in an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from .. import ConversionError, MissingPackage
from ..common.graphs import nodes_of
from .names import plain
from .norms import batch_norms
from .operators import HANDLERS

OPSET = 18
#: a function marked so stays a call: XLA was to compile it (grouped convolutions of Keras), or it may not be inlined
CLOSED = ("_XlaMustCompile", "_noinline")
CALLS = ("StatefulPartitionedCall", "PartitionedCall")


def exported(function: Any, inputs: Sequence[str], outputs: Sequence[str], opset: int | None) -> onnx.ModelProto:
    """`function`: a ConcreteFunction of tensors that gives tensors. `inputs`, `outputs`: their names in the ONNX model."""
    tf2onnx = converter(opset)
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False, aggressive_inlining=True)
    graph = opened(frozen.graph.as_graph_def(add_shapes=True))
    if tables := [plain(t.name.partition(":")[0]) for t in frozen.inputs if t.dtype.name == "resource"]:
        raise ConversionError(
            f"the model looks values up in tables ({', '.join(tables)}), as StringLookup, IntegerLookup and TextVectorization do, "
            "and these have no ONNX: look them up before the model, and give what comes behind"
        )
    given, made = [t.name for t in frozen.inputs], [t.name for t in frozen.outputs]
    proto, _ = tf2onnx.convert.from_graph_def(
        graph,
        input_names=given,
        output_names=made,
        opset=opset or OPSET,
        tensors_to_rename={**dict(zip(given, inputs, strict=True)), **dict(zip(made, outputs, strict=True))},
        custom_op_handlers=dict(HANDLERS),
    )
    return batch_norms(known(proto))


def converter(opset: int | None) -> Any:
    """The package tf2onnx."""
    try:
        import tensorflow  # noqa: F401
        import tf2onnx
    except ImportError as error:
        raise MissingPackage(
            'TensorFlow models become ONNX by tensorflow and tf2onnx: pip install "onnxplain[keras]"'
        ) from error
    most = max(tf2onnx.constants.OPSET_TO_IR_VERSION)
    if opset is not None and not 13 <= opset <= most:
        raise ConversionError(f"opset={opset}: tf2onnx {tf2onnx.__version__} writes 13 to {most}")
    return tf2onnx


def opened(graph: Any) -> Any:
    """The graph with every function that it calls free to be inlined."""
    for owner in (*graph.node, *graph.library.function, *(n for f in graph.library.function for n in f.node_def)):
        for mark in CLOSED:
            if mark in owner.attr:
                del owner.attr[mark]
    return graph


def known(proto: onnx.ModelProto) -> onnx.ModelProto:
    """`proto`, if all of its operators are ONNX's; else a `ConversionError` with those that are not."""
    versions = {o.domain: o.version for o in proto.opset_import}
    left: dict[str, str] = {}
    for node in nodes_of(proto.graph):
        if node.domain in ("", "ai.onnx.ml") and not _has_schema(node, versions):
            left.setdefault(node.op_type, plain(node.name))
    if left:
        listed = ", ".join(f"{op} ({name})" for op, name in left.items())
        raise ConversionError(
            f"tf2onnx has no ONNX for {'these operators' if len(left) > 1 else 'the operator'} of TensorFlow's: {listed}. What "
            "to try: leave that part out of the model (what prepares strings or draws random numbers can run before it), or "
            "write it with other operations of keras.ops or tf"
        )
    return proto


def _has_schema(node: onnx.NodeProto, versions: Mapping[str, int]) -> bool:
    try:
        onnx.defs.get_schema(node.op_type, versions.get(node.domain, 1), node.domain)
    except onnx.defs.SchemaError:
        return False
    return True
