"""A frozen graph (TensorFlow 1's GraphDef in a .pb file) as a concrete function."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import ConversionError
from ..common.quiet import first_line


def frozen_graph(path: Path, inputs: list[str] | None, outputs: list[str] | None) -> Any:
    """The function from `inputs`, by default the placeholders, to `outputs`, by default what nothing reads."""
    import tensorflow as tf

    graph = tf.compat.v1.GraphDef()
    try:
        graph.ParseFromString(path.read_bytes())
    except Exception as error:  # protobuf's own
        raise ConversionError(f"{path} holds no TensorFlow graph: {first_line(error)}") from error
    there = {n.name: n for n in graph.node}
    read = {i.lstrip("^").partition(":")[0] for n in graph.node for i in n.input}
    inputs = inputs or [n.name for n in graph.node if n.op == "Placeholder"]
    outputs = outputs or [n.name for n in graph.node if n.name not in read and n.op not in ("Const", "NoOp", "Assert")]
    if unknown := [n for n in (*inputs, *outputs) if n not in there]:
        raise ConversionError(f"{path} has no operations {unknown}; it reads {inputs} and gives {outputs} unless told")
    if not inputs or not outputs:
        raise ConversionError(f"{path} has no placeholder to feed: name inputs= and outputs=, operations of its graph")
    if variables := [n.name for n in graph.node if n.op in ("VariableV2", "VarHandleOp", "Variable")]:
        raise ConversionError(
            f"{path} is not frozen: its weights, such as {variables[0]!r}, are elsewhere. Give the folder of a SavedModel, or "
            "freeze the graph"
        )
    wrapped = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    tensors = [[wrapped.graph.get_tensor_by_name(f"{n}:0") for n in names] for names in (inputs, outputs)]
    pruned = wrapped.prune(*tensors)

    @tf.function(input_signature=[tf.TensorSpec(t.shape, t.dtype, n) for n, t in zip(inputs, tensors[0], strict=True)])
    def function(*given: Any) -> Any:
        return dict(zip(outputs, pruned(*given), strict=True))

    return function.get_concrete_function()
