"""Casts from and to text."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..base import OnnxNode
from ..parameters import dtype_of
from .reading import Reading

_NAMED = {"inf": "INF", "-inf": "-INF", "nan": "NaN"}


class Parsed(Reading):
    """The number that a text spells. Not an operator of ONNX: what a Cast from text is written as."""

    onnx = {"onnxplain:Parsed": 1}

    @classmethod
    def build(cls, node: OnnxNode) -> Parsed | None:
        return None if dtype_of(node.attr("to"), node) is None else cls(node)

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.texts(inputs)
        dtype = dtype_of(self.node.attr("to"), self.node)
        assert dtype is not None
        kind = float if dtype.is_floating_point else int
        return torch.tensor([kind(t or 0) for t in x.reshape(-1).tolist()], dtype=dtype).reshape(x.shape)


class Printed(Reading):
    """A number as onnxruntime spells it, with eight digits. Not an operator of ONNX: what a Cast to text is written as;
    `truth`: of truth values."""

    onnx = {"onnxplain:Printed": 1}

    def forward(self, *inputs: Tensor) -> Tensor:
        (x,) = self.full(inputs)
        numbers = x.cpu().numpy().reshape(-1).tolist()
        if x.is_floating_point():
            said = [_NAMED.get(t, t) for t in (f"{v:.8g}" for v in numbers)]
        else:
            said = [str(int(v)) if self.node.attr("truth", 0) else str(v) for v in numbers]
        return self.coded(np.array(said, dtype=object).reshape(tuple(x.shape)))
