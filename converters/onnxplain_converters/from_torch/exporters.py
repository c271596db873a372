"""torch's exporters: `torch.export` through onnxscript, and the older TorchScript one, by trace or by script.

Each gives an ONNX model of a flat module (tensors in, a tuple of tensors out), or raises. Batch normalisations stay layers
of their own; both exporters would merge them into convolutions in single precision.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from .. import ConversionError, MissingPackage
from ..common.quiet import quiet
from .names import renamed
from .script import compiled

#: free samples are exported as 2 to infinity: one sample is a broadcast like any other there
FEWEST = 2
KEPT = "KeptBatchNormalization"


@dataclass(frozen=True, eq=False)
class Job:
    """What is exported: a flat module at these tensors, with the samples of each on `axes` where these are free."""

    net: Any
    tensors: tuple[Any, ...]
    axes: tuple[int | None, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    opset: int


def by_export(job: Job, program: Any = None) -> onnx.ModelProto:
    """By `torch.export`, which follows shapes symbolically and refuses decisions that depend on data. `program`: what was
    exported before."""
    import torch

    try:
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingPackage(
            'torch.export programs become ONNX by onnxscript: pip install "onnxplain[torch]"'
        ) from error
    if program is None:
        shapes = tuple({a: torch.export.Dim.AUTO} if a is not None else None for a in job.axes)
        program = torch.export.export(job.net, job.tensors, dynamic_shapes=(shapes,), strict=False)
        _refuse_bounds(program)
    made = torch.onnx.export(
        program, (), None, dynamo=True, opset_version=job.opset, optimize=False, verbose=False,
        input_names=list(job.inputs), output_names=list(job.outputs),
    )  # fmt: skip
    if made is None:
        raise ConversionError("torch.onnx.export gave nothing")
    _renamed(made, "BatchNormalization", KEPT)
    made.optimize()
    _renamed(made, KEPT, "BatchNormalization")
    return renamed(made.model_proto)


def _refuse_bounds(program: Any) -> None:
    """A program that decided something by the number of samples is right for some numbers only."""
    for symbol, bounds in program.range_constraints.items():
        with contextlib.suppress(TypeError, ValueError):
            if int(bounds.lower) > FEWEST:
                raise ConversionError(f"the module decides by the number of samples: {symbol} in {bounds}")
        try:
            most = int(bounds.upper)
        except (TypeError, ValueError, OverflowError, AttributeError):  # no bound: an infinity of sympy's or torch's
            continue
        if most < 2**31:
            raise ConversionError(f"the module decides by the number of samples: it takes another path above {most}")


def _renamed(made: Any, op: str, to: str) -> None:
    for node in made.model.graph.all_nodes():
        if node.op_type == op and node.domain == "":
            node.op_type = to


def by_trace(job: Job, strict: bool = True) -> onnx.ModelProto:
    """By the TorchScript exporter on a trace. A trace keeps the path that the example takes: `strict` refuses where torch
    warns that something was decided by it."""
    import torch

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        proto = _by_older(job, job.net, job.tensors, job.inputs)
    own = os.path.dirname(torch.__file__)  # torch's own layers look at shapes only
    decided = [w for w in said if issubclass(w.category, torch.jit.TracerWarning) and not w.filename.startswith(own)]
    if decided and strict:
        at = f"{os.path.basename(decided[0].filename)}:{decided[0].lineno}"
        raise ConversionError(f"a trace keeps one path, and the module decides by values or shapes at {at}")
    return proto


def by_script(job: Job, module: Any, call: Any) -> onnx.ModelProto:
    """By the TorchScript exporter on a compiled module, in which what is decided by data stays a decision (If, Loop)."""
    return _by_older(job, compiled(module, call, job.tensors), job.tensors, job.inputs)


def _by_older(job: Job, module: Any, tensors: Sequence[Any], inputs: Sequence[str]) -> onnx.ModelProto:
    import torch

    file: Any = io.BytesIO()
    free = {n: {a: "N"} for n, a in zip(job.inputs, job.axes, strict=True) if a is not None}
    torch.onnx.export(
        module, tuple(tensors), file, dynamo=False, opset_version=job.opset, verbose=False,
        input_names=list(inputs), output_names=list(job.outputs), dynamic_axes=free,
        training=torch.onnx.TrainingMode.PRESERVE,
    )  # fmt: skip
    return renamed(onnx.load_model_from_string(file.getvalue()), [n for n, _ in module.named_modules()])


def by_converter(job: Job, module: Any, call: Any) -> onnx.ModelProto:
    """A ScriptModule by way of `torch.export`, where torch has the converter and the arguments are plain."""
    from torch._export.converter import TS2EPConverter

    args, kwargs = call.arguments(job.tensors)
    proto = by_export(job, TS2EPConverter(module, args, kwargs).convert())
    for i in proto.graph.input:  # the converter leaves every axis free
        at = job.inputs.index(i.name)
        for axis, (dim, size) in enumerate(zip(i.type.tensor_type.shape.dim, job.tensors[at].shape, strict=True)):
            if axis != job.axes[at]:
                dim.dim_value = size
    return proto


@contextlib.contextmanager
def hushed() -> Iterator[None]:
    """Without gradients, without what exporters print (their reasons are in the error), and without the fast path of
    attention: its one operator has no ONNX, and of samples that are padded it makes other numbers than training did."""
    import torch

    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    # where it fails, the older exporter logs whole graphs, past sys.stdout; its switch for that does not work (torch 2.13)
    torch._C._jit_set_onnx_log_output_stream("stderr")
    try:
        with quiet(), torch.no_grad():
            yield
    finally:
        torch._C._jit_set_onnx_log_output_stream("stdout")
        torch.backends.mha.set_fastpath_enabled(fast)


def flat(module: Any, call: Any) -> Any:
    """The module as one from tensors to a tuple of tensors."""
    import torch

    from .data import leaves

    class Flat(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *tensors: Any) -> tuple[Any, ...]:
            args, kwargs = call.arguments(tensors)
            return tuple(y for _, _, y in leaves(self.module(*args, **kwargs)))

    net = Flat()
    net.training = module.training  # not by train(), which a program's module refuses
    return net


def outputs_of(net: Any, tensors: Sequence[Any]) -> list[Any]:
    """What the module itself predicts."""
    return [y.detach().cpu().numpy() for y in net(*tensors)]


def fast_outputs_of(net: Any, tensors: Sequence[Any]) -> list[Any]:
    """The same by the fast path of attention, which users' calls take."""
    import torch

    torch.backends.mha.set_fastpath_enabled(True)
    try:
        return outputs_of(net, tensors)
    finally:
        torch.backends.mha.set_fastpath_enabled(False)
