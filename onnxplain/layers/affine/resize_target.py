"""What Resize and Upsample are asked for: sizes, scales and modes, read from their nodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from ...errors import InputError
from ..base import OnnxNode
from .resize_grid import Axis, Mode


@dataclass(frozen=True)
class Target:
    """What the output's size follows from: `sizes` or `scales`, one per axis in `axes` (None: per axis of x)."""

    sizes: tuple[int, ...] | None = None
    scales: tuple[float, ...] | None = None
    axes: tuple[int, ...] | None = None
    policy: str = "stretch"
    roi: tuple[float, ...] = ()

    def resolve(self, shape: Sequence[int]) -> list[Axis]:
        """Every axis that changes; the others are left out."""
        values = self.sizes if self.scales is None else self.scales
        assert values is not None
        axes = range(len(shape)) if self.axes is None else [a % len(shape) for a in self.axes]
        if len(values) != len(axes):
            raise InputError(f"Resize has {len(values)} sizes or scales for {len(axes)} axes of a value {tuple(shape)}")
        n_in = [shape[a] for a in axes]
        if self.scales is not None:
            scales = [float(np.float32(s)) for s in self.scales]
            n_out = [int(np.floor(np.float32(n) * np.float32(s))) for n, s in zip(n_in, scales, strict=True)]
        else:
            n_out = [int(m) for m in values]
            scales = [m / n for m, n in zip(n_out, n_in, strict=True)]
            if self.policy != "stretch":
                s = min(scales) if self.policy == "not_larger" else max(scales)
                n_out, scales = [int(np.floor(s * n + 0.5)) for n in n_in], [s] * len(n_in)
        k = len(n_in)
        roi = [(self.roi[i], self.roi[k + i]) if self.roi else (0.0, 1.0) for i in range(k)]
        return [
            Axis(a, n, m, s, r)
            for a, n, m, s, r in zip(axes, n_in, n_out, scales, roi, strict=True)
            if n != m or s != 1 or r != (0.0, 1.0)
        ]


def is_old(node: OnnxNode) -> bool:
    return node.op == "Upsample" or node.opset < 11


def read_mode(node: OnnxNode) -> Mode:
    """Before opset 11 coordinates are asymmetric, and nearest rounds down (up when it shrinks)."""
    kind = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}.get(
        name := str(node.attr("mode", "nearest")), name
    )
    if is_old(node):
        return Mode(kind, "asymmetric", "simple")
    return Mode(
        kind,
        str(node.attr("coordinate_transformation_mode", "half_pixel")),
        str(node.attr("nearest_mode", "round_prefer_floor")),
        float(node.attr("cubic_coeff_a", -0.75)),
        bool(node.attr("exclude_outside", 0)),
        bool(node.attr("antialias", 0)),
    )


def places(node: OnnxNode) -> tuple[int, int]:
    """(input that holds scales, input that holds sizes); the latter exists from opset 11 on."""
    return (1, -1) if is_old(node) else (2, 3)


def read_target(node: OnnxNode, scales: Tensor | None, sizes: Tensor | None) -> Target | None:
    """The target from these inputs' values, or from the attribute that opset 7 has; an empty input is none."""
    factors = node.attr("scales") or (None if scales is None else scales.flatten().tolist())
    counts = None if sizes is None else sizes.flatten().tolist()
    if not factors and not counts:
        return None
    axes, roi = node.ints("axes"), node.constant(1)
    crops = node.attr("coordinate_transformation_mode") == "tf_crop_and_resize" and roi is not None
    return Target(
        None if factors else tuple(int(n) for n in counts or ()),
        tuple(factors) if factors else None,
        None if axes is None else tuple(axes),
        str(node.attr("keep_aspect_ratio_policy", "stretch")),
        tuple(roi.flatten().tolist()) if crops and roi is not None else (),
    )
