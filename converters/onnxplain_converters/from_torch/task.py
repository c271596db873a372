"""A module beside the call that it was shown: how far its samples are free, and the first ONNX model that predicts as it does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import onnx

from .. import ConversionError, MissingPackage
from ..common import parity
from ..common.data import unique
from ..common.quiet import first_line
from .data import Arguments, Call, call_of, leaves, sample_axes, with_rows
from .drawn import drawn, must_be_shown
from .exporters import Job, fast_outputs_of, flat, outputs_of

#: samples of the example that are exported and compared: one more than these as well
ROWS = (2, 4)
TRY = (
    "What to try: give the part of the module before or after what is refused; write what is decided by data with torch.where "
    'or torch.cond; options={"batch_axis": None} for a fixed number of samples; or options={"exporter": "trace"}, if one path '
    "through the module is what you mean"
)

FAST = (
    "by torch's fast path of attention, which is taken in evaluation mode, the module predicts otherwise: padded places are 0 "
    "there. What is explained is what it predicts after torch.backends.mha.set_fastpath_enabled(False)"
)

Attempt = Callable[[Job], onnx.ModelProto]


@dataclass(eq=False)
class Task:
    """A flat module, the call it was shown, and how far the number of samples is free.

    `fixed`: why it is not. `notes`: what to warn of besides.
    """

    call: Call
    net: Any
    outputs: tuple[str, ...]
    axes: tuple[int | None, ...]
    rows: int
    fixed: list[str]
    double: bool = False
    notes: list[str] = field(default_factory=list)

    def proto(self, attempts: Mapping[str, Attempt], opset: int) -> onnx.ModelProto:
        """The first model that predicts what the module does; with free samples, if any exporter manages that."""
        refused: dict[str, str] = {}
        for axes in [self.axes] * (not self.fixed) + [(None,) * len(self.axes)]:
            for name, make in attempts.items():
                tensors = with_rows(self.call.tensors, self.axes, self.rows)
                try:
                    proto = make(Job(self.net, tensors, axes, self.call.names, self.outputs, opset))
                    self._check(proto, any(a is not None for a in axes))
                except Exception as error:  # the exporters have no common error
                    if isinstance(error, MissingPackage) and len(attempts) == 1:
                        raise
                    refused.setdefault(name, first_line(error))
                    continue
                if self.axes != axes and not self.fixed:
                    self.fixed.append(_listed(refused))
                return proto
        raise ConversionError(
            f"this {self._name()} cannot be exported to ONNX. {_listed(refused)}. {TRY}{self._restless()}{_slow(refused)}"
        )

    def _check(self, proto: onnx.ModelProto, free: bool) -> None:
        """Raises where the model's outputs are not the module's, for these samples and for one more."""
        counts = [self.rows, self.rows + 1] if free else [self.rows]
        made = []
        for rows in counts:
            tensors = with_rows(self.call.tensors, self.axes, rows)
            expected = outputs_of(self.net, tensors)
            read = {i.name for i in proto.graph.input}
            feeds = {n: x.numpy() for n, x in zip(self.call.names, tensors, strict=True) if n in read}
            parity.check(proto, feeds, expected)
            made.append(expected)
        for i in proto.graph.input:
            axis = self.axes[self.call.names.index(i.name)]
            if free and axis is not None:
                _free_axis(i, axis)
        for o, few, more in zip(proto.graph.output, made[0], made[-1], strict=True):
            for axis in range(few.ndim):
                if free and few.shape[axis] == self.rows and more.shape[axis] == self.rows + 1:
                    _free_axis(o, axis)
        if parity.is_joint(made[0], made[-1]):
            self.notes.append(parity.TOGETHER)
        if parity.is_joint(made[-1], fast_outputs_of(self.net, tensors)):
            self.notes.append(FAST)

    def _name(self) -> str:
        return str(getattr(self.net.module, "original_name", type(self.net.module).__name__))

    def _restless(self) -> str:
        """A hint, where the module gives other predictions every time."""
        tensors = with_rows(self.call.tensors, self.axes, self.rows)
        first, second = (outputs_of(self.net, tensors) for _ in range(2))
        if all(parity.difference(a, b) == 0 for a, b in zip(first, second, strict=True)):
            return ""
        return (
            ". Its own predictions differ from call to call: something in it draws random numbers in evaluation mode too, such "
            "as F.dropout without training=self.training"
        )


def task_of(module: Any, example: Any, given: Any, batch_axis: int | None | Mapping[str, int | None]) -> Task:
    """`given`: (args, kwargs) that a program was exported with."""
    import torch

    dtypes = [x.dtype for x in (*module.parameters(), *module.buffers()) if x.is_floating_point()]
    dtype = dtypes[0] if dtypes else torch.float32
    if given is not None and (example is None or not _takes(module, example, dtype)):
        example = Arguments(*given)
    made_up = example is None
    call = call_of(drawn(module, dtype) if made_up else example, module, dtype)
    net = flat(module, call)
    try:
        y = _run(net, call, call.tensors)
    except Exception as error:  # whatever the module's own code raises
        reason = first_line(error)
        if made_up:
            raise must_be_shown(module, f"for made-up rows it says: {reason}") from error
        shapes = ", ".join(f"{n} {tuple(x.shape)}" for n, x in zip(call.names, call.tensors, strict=True))
        raise ConversionError(f"the module does not take the example ({shapes}): {reason}{_half(reason)}") from error
    if not y:
        raise ConversionError("the module returns no tensor")
    if several := [n for n, t in y.items() if t.is_complex()]:
        raise ConversionError(
            f"the module returns complex numbers ({', '.join(several)}), which no ONNX model does: return "
            "torch.view_as_real(y), or y.abs()"
        )
    axes = sample_axes(call, batch_axis)
    rows = next((x.shape[a] for x, a in zip(call.tensors, axes, strict=True) if a is not None), 0)
    fixed = [] if any(a is not None for a in axes) else [""]
    if not fixed:
        rows, fixed = _free_rows(net, call, axes, rows)
    return Task(call, net, tuple(y), axes, rows, fixed, dtype == torch.float64)


def _slow(refused: Mapping[str, str]) -> str:
    """A hint, where a file was written while the fast path of attention was on."""
    if not any("_native_multi_head_attention" in r or "_transformer_encoder_layer_fwd" in r for r in refused.values()):
        return ""
    return (
        ". It was traced or exported on torch's fast path of attention, one operator that has no ONNX: write the file again after "
        "torch.backends.mha.set_fastpath_enabled(False)"
    )


def _half(reason: str) -> str:
    """A hint, where forward itself asks for half precision, which was made single."""
    if "Half" not in reason and "BFloat16" not in reason:
        return ""
    return ". Half precision is made single here: leave out what forward does to get there, such as x.half()"


def _takes(program: Any, example: Any, dtype: Any) -> bool:
    """Whether an exported program, which may insist on shapes, takes the user's example; else it has its own."""
    call = call_of(example, program, dtype)
    try:
        return bool(_run(flat(program, call), call, call.tensors))
    except Exception:  # noqa: BLE001 — whatever the program's guards raise
        return False


def _free_rows(net: Any, call: Call, axes: tuple[int | None, ...], rows: int) -> tuple[int, list[str]]:
    """(how many samples are shown to the exporters, why no other number works)."""
    fewest, most = ROWS
    for wanted in dict.fromkeys([min(max(rows, fewest), most), rows]):
        try:
            for n in (wanted, wanted + 1):
                _run(net, call, with_rows(call.tensors, axes, n))
            return wanted, []
        except Exception as error:  # noqa: BLE001 — whatever the module's own code raises
            reason = first_line(error)
    return rows, [f"with {rows + 1} the module says: {reason}. Is axis 0 of the example that of the samples?"]


def _run(net: Any, call: Call, tensors: tuple[Any, ...]) -> dict[str, Any]:
    """What the module returns, by unique names."""
    args, kwargs = call.arguments(tensors)
    found = list(leaves(net.module(*args, **kwargs)))
    return dict(zip(unique([n for n, _, _ in found], call.names), (y for _, _, y in found), strict=True))


def _listed(refused: Mapping[str, str]) -> str:
    return "; ".join(f"{name}: {reason.rstrip('.')}" for name, reason in refused.items())


def _free_axis(value: onnx.ValueInfoProto, axis: int) -> None:
    dims = value.type.tensor_type.shape.dim
    if axis < len(dims):
        dims[axis].Clear()
        dims[axis].dim_param = "N"
