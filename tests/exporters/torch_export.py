"""A torch model through either of torch's exporters."""

from __future__ import annotations

import io
import logging
import warnings
from dataclasses import dataclass
from functools import cache

import onnx
import torch

from .zoo import ZOO


@dataclass(frozen=True)
class Export:
    """`dynamo`: the newer exporter. `free`: any number of samples; else 2. `double`: weights in double precision."""

    name: str
    dynamo: bool
    free: bool
    opset: int | None = None
    double: bool = False

    @property
    def id(self) -> str:
        opset = f"opset{self.opset}" if self.opset else "default"
        return "-".join([self.name, "dynamo" if self.dynamo else "script", "free" if self.free else "static", opset])

    def proto(self) -> onnx.ModelProto:
        return _export(self)

    def inputs(self) -> list[str]:
        return [f"input_{i}" for i in range(len(ZOO[self.name].shapes))]


@cache
def _export(e: Export) -> onnx.ModelProto:
    entry = ZOO[e.name]
    model, data, names = entry.model(), entry.data(2), e.inputs()
    if e.double:
        model, data = model.double(), tuple(x.double() if x.is_floating_point() else x for x in data)
    shapes: object = None
    if e.free:
        shapes = (
            tuple({0: torch.export.Dim("n", min=1, max=4096)} for _ in names)
            if e.dynamo
            else {n: {0: "n"} for n in names}
        )
    key = "dynamic_shapes" if e.dynamo else "dynamic_axes"
    file = io.BytesIO()
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            made = torch.onnx.export(
                model, data, None if e.dynamo else file, dynamo=e.dynamo, opset_version=e.opset, input_names=names,
                verbose=False, **{key: shapes},
            )  # fmt: skip
    finally:
        logging.disable(logging.NOTSET)
    return made.model_proto if e.dynamo else onnx.load_model_from_string(file.getvalue())
