"""torch modules, ScriptModules and exported programs → ONNX: any nn.Module, whatever its forward does with its arguments.

The module is copied, evaluated on the example, and exported with any number of samples by the first exporter whose ONNX model
gives the module's own predictions, there and for one sample more. Names of modules become names of nodes, arguments become
inputs, keys of what it returns become outputs.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from typing import Any

import onnx
from onnx import helper

from .. import ConversionError
from .exporters import by_converter, by_export, by_script, by_trace, hushed
from .source import at_rest, on_cpu, source_of
from .task import Attempt, Task, task_of

OPSET = 20  # Gelu is an operator from here on
EXPORTERS = ("export", "trace", "script")


def to_onnx(
    model: Any,
    example: Any = None,
    opset: int | None = None,
    exporter: str = "auto",
    batch_axis: int | None | Mapping[str, int | None] = 0,
    trust: bool = False,
) -> onnx.ModelProto:
    """`model`: a module, ScriptModule or exported program, or a .pt, .pth or .pt2 file of one.

    `example`: one argument, a tuple of them, or a dict by argument name; only modules of dense layers and exported programs
    need none. `exporter`: "export", "trace" or "script" alone; "auto" tries them in turn. `batch_axis`: which axis holds the
    samples, also by input name; None: a fixed number of them. `trust`: a pickled module's file may run its code.
    """
    if exporter not in ("auto", *EXPORTERS):
        raise ConversionError(f"exporter={exporter!r}: it is 'auto', {', '.join(map(repr, EXPORTERS))}")
    import torch

    with ExitStack() as stack:
        stack.enter_context(hushed())
        source = source_of(model, trust)
        if isinstance(source, torch.export.ExportedProgram):
            program = on_cpu(source)
            module = program.module()
            given = program.example_inputs
        else:
            program, given = None, None
            module = stack.enter_context(at_rest(source))
        task = task_of(module, example, given, batch_axis)
        attempts = _attempts(exporter, module, program, task)
        proto = task.proto(attempts, opset or OPSET)
    if any(task.fixed):
        warnings.warn(
            f"the ONNX model takes {task.rows} samples at a time, no more and no less: {task.fixed[0]}", stacklevel=2
        )
    for note in task.notes:
        warnings.warn(note, stacklevel=2)
    return _labelled(proto, task, source)


def _attempts(exporter: str, module: Any, program: Any, task: Task) -> dict[str, Attempt]:
    """Exporter → how it makes the model, in the order in which they are tried. Double precision is traced first: the newer
    exporter writes the numbers in a module's code in single precision."""
    import torch

    call = task.call
    scripted = isinstance(module, torch.jit.ScriptModule)
    trace = partial(by_trace, strict=program is None and exporter != "trace")
    script = partial(by_script, module=module, call=call)
    found: dict[str, Attempt]
    if scripted:
        found = {"script": script, "export": partial(by_converter, module=module, call=call)}
    elif program is not None:
        found = {"export": partial(by_export, program=program), "trace": trace}
    elif task.double:
        found = {"trace": trace, "export": by_export, "script": script}
    else:
        found = {"export": by_export, "trace": trace, "script": script}
    if exporter == "auto":
        return found
    if exporter not in found:
        what = "a ScriptModule" if scripted else "an exported program"
        raise ConversionError(f"exporter={exporter!r} is not for {what}; there are {', '.join(found)}")
    return {exporter: found[exporter]}


def _labelled(proto: onnx.ModelProto, task: Task, source: Any) -> onnx.ModelProto:
    """With the names of features that the example had, and of classes that the module's config has."""
    props: dict[str, str] = {}
    if task.call.labels:
        props["onnxplain.input_labels"] = json.dumps({n: {"feature": list(v)} for n, v in task.call.labels.items()})
    placed = {
        v.name: axes[0]
        for v in (*proto.graph.input, *proto.graph.output)
        if (axes := [k for k, d in enumerate(v.type.tensor_type.shape.dim) if d.dim_param == "N"]) and axes[0]
    }
    if placed:
        props["onnxplain.batch_axis"] = json.dumps(placed)
    classes = getattr(getattr(source, "config", None), "id2label", None)
    if isinstance(classes, Mapping) and classes:
        fits = [
            o.name
            for o in proto.graph.output
            if len(d := o.type.tensor_type.shape.dim) == 2 and d[1].dim_value == len(classes)
        ]
        labels = [str(classes[k]) for k in sorted(classes)]
        props |= {"onnxplain.output_labels": json.dumps(dict.fromkeys(fits, labels))} if fits else {}
    helper.set_model_props(proto, props)
    proto.graph.name = str(getattr(source, "original_name", type(source).__name__))
    return proto
