"""A model of another framework beside its example data: exported with any number of samples if its predictions allow it,
compared with its own predictions, and named."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
from onnx import helper

from .. import ConversionError, MissingPackage
from . import parity
from .axes import axes_of
from .data import Arrays, Input, drawn, given, with_rows
from .quiet import first_line

#: samples that are compared: these, and one more where their number is free
FEWEST, MOST = 2, 8


@dataclass(frozen=True, eq=False)
class Made:
    """An ONNX model; `rows`: how many samples it insists on, and why, if the model itself does not. `joint`: whether what it
    predicts for one depends on the others."""

    model: onnx.ModelProto
    rows: int | None
    why: str
    joint: bool = False

    def proto(self) -> onnx.ModelProto:
        """The model, with a warning where it takes fixed samples, or where these are not independent."""
        if self.joint:
            warnings.warn(parity.TOGETHER, stacklevel=3)
        if self.rows is not None:
            warnings.warn(
                f"the ONNX model takes {self.rows} samples at a time, no more and no less: {self.why}", stacklevel=3
            )
        return self.model


@dataclass(frozen=True, eq=False)
class Task:
    """`predict`: arrays in the order of `inputs` → the model's own outputs, in the order of `outputs`.

    `export`: the inputs, whose first axis is None where it is to be free → the ONNX model with just these names.
    `tips`: what to try where that fails.
    """

    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    predict: Callable[[Sequence[np.ndarray]], list[np.ndarray]]
    export: Callable[[Sequence[Input], Arrays], onnx.ModelProto]
    tips: str = ""

    def made(self, example: Any = None) -> Made:
        """The first ONNX model that predicts what the model does; with free samples, if that is possible."""
        arrays, labels = self._data(example)
        free = any(i.free for i in self.inputs)
        fixed = self._fixed(arrays)
        why = ""
        attempts = [self.inputs] * free + [fixed]
        for k, inputs in enumerate(attempts):
            try:
                made = self.export(inputs, arrays)
                joint = self._check(made, inputs, arrays)
            except MissingPackage:
                raise
            except Exception as error:  # the exporters have no common error
                why = why or (str(error) if isinstance(error, ConversionError) else first_line(error))
                if k == len(attempts) - 1:
                    raise ConversionError(self._cannot(why)) from error
                continue
            rows = len(arrays[fixed[0].name]) if inputs is fixed and free else None
            return Made(self._named(made, labels), rows, why, joint)
        raise AssertionError("there is an attempt")

    def _cannot(self, reason: str) -> str:
        tips = f". {self.tips}" if self.tips and "What to try" not in reason else ""
        return f"{self.name} cannot be exported to ONNX: {reason.rstrip('.')}{tips}"

    def _data(self, example: Any) -> tuple[Arrays, dict[str, list[str]]]:
        if example is not None:
            arrays, labels = given(self.inputs, example)
            rows = min(max(FEWEST, *(len(x) for x in arrays.values() if x.ndim)), MOST) if arrays else 0
            arrays = with_rows(self.inputs, arrays, rows)
            self._try(arrays, "the example")
            return arrays, labels
        for arrays in drawn(self.inputs):
            try:
                self._try(arrays, "made-up data")
            except ConversionError as error:
                refused = error
                continue
            return arrays, {}
        raise ConversionError(f"{refused}. Give example data") from refused

    def _try(self, arrays: Arrays, what: str) -> None:
        try:
            y = self.predict(list(arrays.values()))
        except Exception as error:  # whatever the model's own code raises
            shapes = ", ".join(f"{n} {x.shape}" for n, x in arrays.items())
            raise ConversionError(f"{self.name} does not take {what} ({shapes}): {first_line(error)}") from error
        if len(y) != len(self.outputs):
            raise ConversionError(f"{self.name} gives {len(y)} outputs and names {len(self.outputs)}")

    def _fixed(self, arrays: Arrays) -> tuple[Input, ...]:
        return tuple(replace(i, shape=arrays[i.name].shape[:1] + i.shape[1:]) for i in self.inputs)

    def _check(self, proto: onnx.ModelProto, inputs: Sequence[Input], arrays: Arrays) -> bool:
        """Raises where the outputs are not the model's own; frees the first axes of a proto that proves free. Returns whether
        samples depend on those beside them."""
        read = {i.name for i in proto.graph.input}
        if missing := [o.name for o in proto.graph.output if o.name not in self.outputs]:
            raise ConversionError(f"outputs {missing} are none of {list(self.outputs)}")
        rows = [len(arrays[i.name]) for i in inputs if i.free]
        made: list[dict[str, np.ndarray]] = []
        for n in (rows[0], rows[0] + 1) if rows else (0,):
            data = with_rows(inputs, arrays, n)
            expected = dict(zip(self.outputs, self.predict(list(data.values())), strict=True))
            parity.check(
                proto,
                {k: x for k, x in data.items() if k in read},
                [np.asarray(expected[o.name]) for o in proto.graph.output],
            )
            made.append({k: np.asarray(y) for k, y in expected.items()})
        for value in proto.graph.input:
            _free(value, [0] if rows and next(i for i in inputs if i.name == value.name).free else [])
        for value in proto.graph.output:
            few, more = made[0][value.name].shape, made[-1][value.name].shape
            _free(value, [k for k, size in enumerate(few) if rows and (size, more[k]) == (rows[0], rows[0] + 1)])
        return parity.is_joint(*(list(m.values()) for m in (made[0], made[-1])))

    def _named(self, proto: onnx.ModelProto, labels: Mapping[str, Sequence[str]]) -> onnx.ModelProto:
        read = {i.name for i in proto.graph.input}
        told = {n: {"feature": list(v)} for n, v in labels.items() if n in read}
        noted = {"input_labels": told, "axes": axes_of(proto)}
        helper.set_model_props(proto, {f"onnxplain.{k}": json.dumps(v) for k, v in noted.items() if v})
        proto.graph.name = self.name
        return proto


def _free(value: onnx.ValueInfoProto, axes: Sequence[int]) -> None:
    """ "N" for the samples, and a name of its own for every other free axis."""
    for k, dim in enumerate(value.type.tensor_type.shape.dim):
        if k in axes or not dim.dim_value:
            dim.Clear()
            dim.dim_param = "N" if k in axes else f"{value.name}_{k}"
