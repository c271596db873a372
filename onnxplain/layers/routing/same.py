"""Operators that hand their input on as it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..base import OnnxNode
from ..parameters import dtype_of
from .moving import Moving


class Identity(Moving):
    """x."""

    onnx = {"Identity": 1}
    steered = False

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.full(inputs)[0]

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return g


class Together(Moving):
    """x, of which something is made from all samples at once. No file holds this operator; operators that are written out
    as others may."""

    onnx = {"onnxplain:Together": 1}
    steered = False
    joins_samples = True

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.full(inputs)[0]

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return g


class Dropout(Moving):
    """x: at inference nothing is dropped; the mask (the second output) says so with True from opset 12 on.

    Before, the standard left its value open and onnxruntime writes zeros, until opset 10 as floating numbers.
    In training, what is dropped is drawn, unless the ratio is 0: another layer.
    """

    onnx = {"Dropout": 7}
    steered = False

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.with_mask, self.opset = node.n_outputs > 1, node.opset

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        training, ratio = node.constant(2), node.constant(1)
        drops = not node.has(1) or ratio is None or bool((ratio != 0).any())
        still = training is None or not bool(training.any())
        return not node.is_dynamic(2) and (still or (not drops and not node.is_dynamic(1)))

    def forward(self, *inputs: Tensor) -> Any:
        x = self.full(inputs)[0]
        if not self.with_mask:
            return x
        dtype = torch.bool if self.opset >= 10 else x.dtype
        return x, torch.full_like(x, self.opset >= 12, dtype=dtype)

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return g


class FloatCast(Moving):
    """x: a cast between floating types, all of which are computed in the model's own dtype."""

    onnx = {"Cast": 6, "CastLike": 15}
    steered = False

    @classmethod
    def takes(cls, node: OnnxNode) -> bool:
        floats = node.is_floating(1) if node.op == "CastLike" else dtype_of(node.attr("to"), node) == node.dtype
        return floats and node.is_floating(0)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.full(inputs)[0]

    def pull(self, g: Tensor, i: int, args: Sequence[Any]) -> Tensor:
        return g
