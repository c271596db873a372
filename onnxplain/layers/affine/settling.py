"""Affine operators whose sizes, places or boxes are computed at run time."""

from __future__ import annotations

from ..base import Layer, OnnxNode
from ..kinds import Affine
from ..settling import Settling


class ComputedSize(Settling, Affine):
    """Col2Im, AffineGrid and DFT of a shape, size, length or axis that is computed."""

    onnx = {"Col2Im": 18, "AffineGrid": 20, "DFT": 17}
    family = "other"


class ComputedBoxes(Settling, Affine):
    """RoiAlign of boxes that are computed: they carry no relevance, so that they must be the same at a baseline."""

    onnx = {"RoiAlign": 10, "onnxplain:RoiTaps": 1}
    family = "resize"
    keeps_sign = True
    strict = True

    @classmethod
    def build(cls, node: OnnxNode) -> Layer | None:
        return super().build(node) if node.domain or node.attr("mode", "avg") == "avg" else None
