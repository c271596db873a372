"""A net as ONNX, in memory."""

from __future__ import annotations

import io
import warnings

import torch
from torch import Tensor, nn


def as_onnx(net: nn.Module, x: Tensor) -> bytes:
    """The same net as ONNX with a free batch axis; nothing is written to disk.

    BatchNorm stays as it is: the exporter would merge it in float32, and the numbers would differ from the net's.
    """
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            net,
            (x[:2] if len(x) > 1 else x,),
            file,  # type: ignore[arg-type]
            input_names=["x"],
            output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}},
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,
            training=torch.onnx.TrainingMode.PRESERVE,
        )
    return file.getvalue()
