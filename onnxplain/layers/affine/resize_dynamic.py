"""Resizing to a size that is computed at run time."""

from __future__ import annotations

from ..base import OnnxNode
from ..kinds import Affine
from ..settling import Settling
from .resize_target import read_mode


class DynamicResize(Settling, Affine):
    """Resize whose sizes, scales or region come from other values."""

    onnx = {"Resize": 10, "Upsample": 9}
    family = "resize"

    def __init__(self, node: OnnxNode) -> None:
        super().__init__(node)
        self.keeps_sign = read_mode(node).filter != "cubic" and node.attr("extrapolation_value", 0.0) >= 0
